"""How near written text comes to what is true: words, characters, translations. jiwer and sacrebleu
count; here it is decided what is compared.
"""

from functools import cache

import numpy as np

from model import labels
from model.evaluation.pair import Pair

UNSPACED = {"zh", "ja", "th", "lo", "my", "yu"}  # languages without spaces between words


@cache
def _english():
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return EnglishTextNormalizer({})


@cache
def _any_language():
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer

    return BasicTextNormalizer()


def plain(text: str) -> str:
    """English as it is compared: no tags, lower case, no punctuation, contractions and numbers in
    one form (Whisper, arXiv 2212.04356, appendix C)."""
    return _english()(labels.plain(text))


def _errors(true: str, answer: str) -> tuple[int, int]:
    """Words wrong, missing or too many, out of the true ones."""
    import jiwer

    if not true.strip():
        return len(answer.split()), 0
    found = jiwer.process_words(true, answer)
    return found.substitutions + found.deletions + found.insertions, len(true.split())


def word_errors(pair: Pair) -> tuple[int, int]:
    """Words wrong, missing or too many, out of the true ones; characters, where a language puts no
    spaces between words."""
    if pair.language in UNSPACED:
        return character_errors(pair)
    if pair.language == "en":
        return _errors(plain(pair.true), plain(pair.answer))
    normalised = _any_language()
    return _errors(*(normalised(labels.plain(text)) for text in (pair.true, pair.answer)))


def character_errors(pair: Pair) -> tuple[int, int]:
    """Characters wrong, missing or too many, out of the true ones; spaces do not count."""
    normalised = _any_language()
    return _errors(
        *(
            " ".join(normalised(labels.plain(text)).replace(" ", ""))
            for text in (pair.true, pair.answer)
        )
    )


def errors_as_written(pair: Pair) -> tuple[int, int]:
    """As the published evaluation counts: in lower case, without tags, and nothing else made
    alike; Chinese by characters."""
    true, answer = (labels.plain(text).lower() for text in (pair.true, pair.answer))
    if pair.language in UNSPACED:
        true, answer = (" ".join("".join(text.split())) for text in (true, answer))
    return _errors(true, answer)


@cache
def _bleu(tokens: str):
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=tokens, effective_order=True)


def matches(pair: Pair, tokens: str = "13a") -> np.ndarray:
    """Shared and all n-grams of 1 to 4 tokens, and both lengths, (10,): what BLEU is made of."""
    found = _bleu(tokens).sentence_score(
        labels.plain(pair.answer), [labels.plain(text) for text in pair.truths]
    )
    return np.array([*found.counts, *found.totals, found.sys_len, found.ref_len])


def bleu(matches: np.ndarray) -> float:
    """Of a set, 0 to 1, from what its items' `matches` sum up to (Post, arXiv 1804.08771)."""
    from sacrebleu.metrics import BLEU

    numbers = [int(number) for number in matches]
    return BLEU.compute_bleu(numbers[:4], numbers[4:8], *numbers[8:], "exp").score / 100
