"""How near a caption comes to several true ones. pycocoevalcap counts, as in the published figures;
it is a download of 100 MB, so it is asked for only where captions are judged.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model import labels
from model.errors import EarshotError
from model.evaluation.pair import Pair

_WORD = re.compile(r"[^\W_]+(?:[-.'’][^\W_]+)*", re.UNICODE)
_SHORT = re.compile(r"(n[’']t|[’'](?:s|m|d|ll|re|ve))$")


class NoCounter(EarshotError):
    """A metric's library, or the program that it needs, is not here."""


def words(caption: str) -> str:
    """Lower case, no punctuation, short forms split off: the Penn treebank's words."""
    found = _WORD.findall(labels.plain(caption).lower())
    return " ".join(_SHORT.sub(r" \1", word).strip() for word in found)


def cider(pairs: Sequence[Pair]) -> np.ndarray:
    """CIDEr-D of each item, (items,): n-grams of 1 to 4 words, weighed by how rare they are among
    the true captions of the set (Vedantam et al., arXiv 1411.5726). 0 to 10."""
    return _scored(_library("cider.cider").Cider(), pairs)[1]


def spice(pairs: Sequence[Pair]) -> np.ndarray:
    """SPICE of each item, (items,): F1 of what is claimed about things (arXiv 1607.08822)."""
    _, scores = _scored(_spice(), pairs)
    return np.array([score["All"]["f"] for score in scores])


def spider(pairs: Sequence[Pair]) -> np.ndarray:
    """The mean of both, of each item."""
    return (spice(pairs) + cider(pairs)) / 2


def _scored(scorer, pairs: Sequence[Pair]):
    true = {i: [words(text) for text in pair.truths] for i, pair in enumerate(pairs)}
    said = {i: [words(pair.answer)] for i, pair in enumerate(pairs)}
    return scorer.compute_score(true, said)


def _library(name: str):
    from importlib import import_module

    try:
        return import_module(f"pycocoevalcap.{name}")
    except ImportError:
        raise NoCounter(
            "Captions are judged with pycocoevalcap, which is not installed: "
            "pip install pycocoevalcap"
        ) from None


def _spice():
    """The scorer, without its habit of fetching 400 MB unasked."""
    module = _library("spice.spice")
    if shutil.which("java") is None:
        raise NoCounter("SPICE is a Java program, and there is no java here: install a JRE.")
    if not list((Path(module.__file__).parent / "lib").glob("stanford-corenlp-*-models.jar")):
        raise NoCounter(
            "SPICE needs the models of Stanford CoreNLP, 400 MB. Fetch them once with: python -c "
            '"from pycocoevalcap.spice.get_stanford_models import *; get_stanford_models()"'
        )
    return module.Spice()
