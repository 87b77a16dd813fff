"""Sounds that are no sentence: drums, instruments, animals, voices without words, events. What they
are called is model/training/naming.py's.
"""

import logging
from pathlib import Path

import numpy as np

from model.errors import Unplayable
from model.spec import SAMPLE_RATE
from model.training.naming import family_of, kind_of, phrase
from model.training.packing import Pack
from model.training.sources import LICENCES, held_out, pcm

LONGEST = 8  # seconds of a clip; a longer recording to learn from gives up to _PIECES of them
log = logging.getLogger(__name__)
_PIECES = 3
_QUIET = 60  # largest 16-bit sample of a piece too quiet to be heard


def pieces(heard: np.ndarray, learned: bool) -> list[np.ndarray]:
    """A recording (n,) int16 as clips of at most LONGEST seconds: its beginning, and where it is
    to be learned from, more of it."""
    step = LONGEST * SAMPLE_RATE
    cuts = [heard[at : at + step] for at in range(0, len(heard), step)]
    cuts = [cut for cut in cuts if len(cut) > step // 4 or len(cuts) == 1]
    loud = [cut for cut in cuts if len(cut) and np.abs(cut.astype(np.int32)).max() > _QUIET]
    return loud[: _PIECES if learned else 1]


def pack(name: str, rows: list[dict], sources: Path, out: Path) -> None:
    """One part with every sound that something can be asked of."""
    with Pack(out, name) as part:
        for row in rows:
            known = answers(row)
            if not known:
                continue
            try:
                heard = pcm(sources / row["audio"])
            except Unplayable as error:
                log.info("Left out: %s", error)
                continue
            for cut in pieces(heard, not held_out(row)):
                part.add(cut, known, **_facts(row))


def answers(row: dict) -> dict[str, str]:
    """What is true of a sound, for each task that can be asked of it."""
    known = {"kind of sound": kind_of(row), "event": phrase(row)}
    known["instrument family"] = family_of(row)
    return {task: answer for task, answer in known.items() if answer}


def _facts(row: dict) -> dict:
    facts = {"split": row["split"], "kind": row["task"], "label": row["text"]}
    facts |= {"label_quality": row.get("label_quality"), "speaker": row.get("speaker")}
    return facts | {"source": row["package"], "licence": LICENCES[row["package"]]}
