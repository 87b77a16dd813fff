"""How another answer to the same question is sampled, so that it can be another. No engine is asked
here.
"""

from collections.abc import Sequence
from dataclasses import replace

from app import chat
from app.i18n import Language
from model.engine import About
from model.messages import Sampling
from sessions.records import CIRCLES, DONE, LENGTH, Conversation, Turn

WHOLE = (DONE, LENGTH, CIRCLES)  # an answer that came to its own end
VARIED = Sampling(temperature=0.7, top_p=0.9)  # for models whose makers only take the likeliest
SEEDS = 2**31


def resampled(conversation: Conversation, about: About, answers: Sequence[Turn]) -> Sampling:
    """Sampling for an answer besides those `answers` that its question has: the conversation's own
    where that can give another one. At temperature 0 it is the engine's usual sampling, with a
    fixed seed the next seed that was not used."""
    wanted = chat.sampling(conversation, about)
    given = (chat.instructions(conversation), about.name)
    whole = (one for one in answers if one.status in WHOLE and (one.system, one.model) == given)
    drawn = [_certain(sampling) for one in whole if (sampling := stored(one))]
    if _certain(wanted) is None or _certain(wanted) not in drawn:
        return wanted
    if wanted.temperature == 0:
        usual = about.sampling if about.sampling.temperature > 0 else VARIED
        chosen = {name: getattr(usual, name) for name in ("temperature", "top_p", "top_k")}
        wanted = replace(wanted, **chosen)
    while wanted.seed is not None and _certain(wanted) in drawn:
        wanted = replace(wanted, seed=(wanted.seed + 1) % SEEDS)
    return wanted


def _certain(sampling: Sampling) -> Sampling | None:
    """What decides an answer that is the same each time; None where each is drawn anew."""
    if sampling.temperature == 0:
        return replace(sampling, top_p=1.0, top_k=0, seed=None)
    return None if sampling.seed is None else sampling


def stored(answer: Turn) -> Sampling | None:
    """How an answer was sampled; None where nobody knows."""
    try:
        return chat.sampling_from(answer.sampling) if answer.sampling else None
    except chat.Refused:  # of another version of Earshot
        return None


def said(answer: Turn, first: Turn, language: Language) -> str:
    """A sentence on how an answer was sampled, where the first one to its question was sampled so
    that it would be the same each time."""
    now, before = stored(answer), stored(first)
    if now is None or before is None or _certain(before) is None:
        return ""
    if before.temperature == 0:
        told = {"temperature": f"{now.temperature:g}"}
        return language.say("turn.sampled.temperature", **told) if now.temperature else ""
    if now.seed == before.seed:
        return ""
    seed = language.say("tune.seed.hint") if now.seed is None else now.seed
    return language.say("turn.sampled.seed", seed=seed, first=before.seed)
