"""Texts as they are spoken, written by the model, and scored. Makes no sound."""

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def number(digits: str) -> str:
    """A number as it is said: below 100 as one word or two, longer ones digit by digit."""
    n = int(digits)
    if n < 20:
        return _ONES[n]
    if n < 100:
        return f"{_TENS[n // 10]} {_ONES[n % 10]}" if n % 10 else _TENS[n // 10]
    return " ".join(_ONES[int(digit)] for digit in digits)


def sentence(text: str) -> str:
    """As Earshot-mini is taught to write: numbers in words, no capitals for emphasis, a capital
    first and a mark last."""
    text = text.replace("`", "'").replace('"', "").replace("_", " ")
    text = text.replace("*", " star ").replace("#", " pound ")
    text = re.sub(r"\.{2,}", ",", text)
    text = re.sub(r"\d+", lambda digits: f" {number(digits[0])} ", text)
    text = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", text)
    shouted = r"\b[A-Z]+(?:'[A-Z]+)+\b|\b[A-Z]{2,}\b"  # also CAN'T
    text = re.sub(shouted, lambda word: word[0].lower(), text)
    text = re.sub(r"\s+", " ", text).strip(" ,-'")
    text = re.sub(r" ([,.!?;:])", r"\1", text)
    if not text:
        return ""
    text = re.sub(r"\bi\b", "I", text[0].upper() + text[1:])
    return text if text[-1] in ".!?" else text.rstrip(",;:") + "."


def words(text: str) -> str:
    """As it is spoken and scored: lower case, letters and apostrophes, single spaces."""
    text = sentence(text).lower().replace("-", " ")
    text = re.sub(r"(?<![a-z])'|'(?![a-z])", " ", text)
    return " ".join(re.sub(r"[^a-z' ]", " ", text).split())
