"""The dress of a page of conversations that is read alone (sessions/webpage.py): its style, script,
words and pictures."""

from collections.abc import Callable, Sequence

from app import assets, note_display, render
from app.i18n import Language
from app.labels import labels
from app.png import png
from model import picture
from model.errors import EarshotError
from model.messages import Clip
from sessions.records import ClipRef, WindowNotes
from sessions.timestamps import Sources
from sessions.webpage import Drawn, Looks

STYLE, SCRIPT = assets.text("webpage.css"), assets.text("webpage.js")
Sound = Callable[[ClipRef], Clip]


def looks(language: Language, sound: Sound | None = None, above: str = "") -> Looks:
    """`sound` is what pictures are drawn from; without it there are none."""

    def words(text: str, about: Sources) -> str:
        return render.words(text, about, language)

    def heard(windows: Sequence[WindowNotes], plays: bool) -> str:
        return note_display.folded(windows, language, plays=plays)

    def heard_as_markdown(windows: Sequence[WindowNotes]) -> str:
        return note_display.as_markdown(windows, language)

    drawn = (lambda clip: drawing(sound, clip)) if sound else (lambda clip: Drawn())
    return Looks(
        words,
        labels(language),
        style=STYLE,
        script=SCRIPT,
        drawn=drawn,
        heard=heard,
        heard_as_markdown=heard_as_markdown,
        above=above,
    )


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
