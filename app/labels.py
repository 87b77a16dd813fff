"""What a transcript adds to what was said, in the person's language: on the page and in exports."""

from functools import lru_cache

from app.i18n import Language
from sessions.records import CIRCLES, INTERRUPTED, LENGTH, STOPPED
from sessions.transcript import Labels

ENDINGS = {
    STOPPED: "ended.stopped",
    LENGTH: "ended.length",
    CIRCLES: "ended.circles",
    INTERRUPTED: "ended.interrupted",
}
LABELS = ("you", "missing", "again", "others", "versions", "seen")
OF_A_CLIP = ("play", "position", "spectrum")


@lru_cache(maxsize=16)
def labels(language: Language) -> Labels:
    """What is to be filled in stays in braces."""
    said = {name: language.say(f"transcript.{name}") for name in LABELS}
    said |= {name: language.say(f"clip.{name}", label="{}") for name in OF_A_CLIP}
    left_out = language.strings["turn.left_out"]
    return Labels(
        language.code,
        clip=language.say("clip.label", n="{}"),
        untitled=language.say("list.untitled"),
        and_=language.say("and"),
        stretch=language.say("turn.stretch", start="{start}", end="{end}", name="{name}"),
        earlier=language.say("clip.earlier"),
        unheard=language.say("turn.unheard", stretches="{stretches}"),
        gone=language.say("turn.gone", names="{names}"),
        one_clip=language.say("turn.one_clip", names="{names}"),
        damaged=language.say("turn.damaged", names="{names}"),
        damaged_file=language.say("clip.damaged"),
        left_out_one=language.say("turn.left_out", n=1),
        left_out=left_out["other"],
        loose=language.say("mark.loose"),
        endings={status: language.say(key) for status, key in ENDINGS.items()},
        **said,
    )
