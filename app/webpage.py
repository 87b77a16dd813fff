"""The dress of a page of conversations that is read alone (sessions/webpage.py): its style, script,
words and pictures."""

from collections.abc import Callable

from app import assets, render
from app.i18n import Language
from app.png import png
from model import picture
from model.errors import EarshotError
from model.messages import Clip
from sessions.records import ClipRef
from sessions.transcript import Labels
from sessions.webpage import Drawn, Looks

STYLE, SCRIPT = assets.text("webpage.css"), assets.text("webpage.js")
LABELS = ("you", "missing", "again", "others", "versions", "seen")
OF_A_CLIP = ("play", "position", "spectrum")

Sound = Callable[[ClipRef], Clip]


def labels(language: Language) -> Labels:
    """What a transcript adds to what was said."""
    said = {name: language.say(f"transcript.{name}") for name in LABELS}
    said |= {name: language.say(f"clip.{name}", label="{}") for name in OF_A_CLIP}
    clip = language.say("clip.label", n="{}")
    return Labels(language.code, clip=clip, untitled=language.say("list.untitled"), **said)


def looks(language: Language, sound: Sound | None = None, above: str = "") -> Looks:
    """`sound` is what pictures are drawn from; without it there are none."""

    def words(text: str, clip: ClipRef | None) -> str:
        return render.words(text, clip, language)

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
