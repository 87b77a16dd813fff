"""The dress of a page of conversations that is read alone (sessions/webpage.py): its style, script,
words and pictures."""

from collections.abc import Callable

from app import assets, render
from app.i18n import Language
from app.labels import labels
from app.png import png
from model import picture
from model.errors import EarshotError
from model.messages import Clip
from sessions.records import ClipRef
from sessions.timestamps import Sources
from sessions.webpage import Drawn, Looks

STYLE, SCRIPT = assets.text("webpage.css"), assets.text("webpage.js")
Sound = Callable[[ClipRef], Clip]


def looks(language: Language, sound: Sound | None = None, above: str = "") -> Looks:
    """`sound` is what pictures are drawn from; without it there are none."""

    def words(text: str, about: Sources) -> str:
        return render.words(text, about, language)

    drawn = (lambda clip: drawing(sound, clip)) if sound else (lambda clip: Drawn())
    told = labels(language)
    return Looks(words, told, style=STYLE, script=SCRIPT, drawn=drawn, above=above)


def drawing(sound: Sound, ref: ClipRef) -> Drawn:
    """A clip's waveform and spectrum; of what cannot be read, none."""
    try:
        clip = sound(ref)
    except EarshotError:
        return Drawn()
    return Drawn(picture.peaks(clip).tobytes(), spectrum(clip))


def spectrum(clip: Clip) -> bytes:
    """All of a clip as PNG, high pitch on top."""
    return png([row.tobytes() for row in picture.overview(clip)[::-1]])
