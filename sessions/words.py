"""Text as the words one may search for, and where they stand in it.

Each letter of a script that is written without spaces is a word of its own, so one character of
Chinese finds as well as ten. Of long words the ends count too: "vogel" finds "Singvogel".
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

UNSPACED = (  # scripts without spaces between words, or (Hangul) with more than one word between
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # 々 〆 〇
    (0x3040, 0x30FF),  # kana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese characters …
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7AF),  # Hangul
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # halfwidth kana
    (0x20000, 0x3FFFF),  # … and rarer ones
)
STROKED = str.maketrans(  # letters that Unicode does not take apart
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)
KEPT = 9  # combining classes up to here (か and が, Indic conjuncts) matter; accents are higher
COMPATIBLE = "\uf900"  # from here on, characters of unspaced scripts stand for others
LONG = 8  # letters from which on the ends of a word count …
SHORTEST_END = 4  # … of at least so many letters
LONGEST = 64  # letters of a word whose ends count: longer ones are addresses or data
MOST_WORDS = 16  # of a query
MARK = re.compile(r"<\|\d+\.\d\d\|>")  # a time in an answer is no word


class Word(NamedTuple):
    """A word as it is compared, and where it stands."""

    folded: str
    start: int
    end: int


def _is_unspaced(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in UNSPACED)


def _folded(letter: str) -> str:
    """One character as it is compared: empty for an accent, a space for what parts words."""
    kind = unicodedata.category(letter)
    if kind[0] == "M":
        return "" if unicodedata.combining(letter) > KEPT else letter
    if kind[0] not in "LN" and kind != "So":
        return " "
    if kind == "So":  # an emoji
        return f" {letter} "
    if _is_unspaced(letter):
        return f" {letter if letter < COMPATIBLE else _apart(letter)} "
    return _apart(letter).casefold().translate(STROKED)


def _apart(letter: str) -> str:
    bare = unicodedata.normalize("NFKD", letter)
    bare = "".join(part for part in bare if unicodedata.combining(part) <= KEPT)
    return "".join(part for part in bare if unicodedata.category(part)[0] in "LMN")


def _shape(letter: str) -> str:
    """One character for one: what begins, goes on with, and ends a word."""
    folded = _folded(letter)
    if folded == " " or (folded and folded.isspace()):
        return " "
    return "s" if folded.startswith(" ") else "w"


class _Table(dict):
    """For `str.translate`: filled as characters are met."""

    def __init__(self, rule):
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = made = self._rule(chr(code))
        return made


_FOLDED, _SHAPE = _Table(_folded), _Table(_shape)
_WORD = re.compile("s|w+")


def plain(text: str) -> str:
    """Text as people read it: without time marks, its accents in one piece."""
    return unicodedata.normalize("NFC", MARK.sub(" ", text))


def folded(text: str | None) -> str:
    """The words of a text, with spaces between them: what the index holds."""
    return " ".join(plain(text or "").translate(_FOLDED).split())


def ends(text: str | None) -> str:
    """The ends of a text's long words, each once."""
    found: dict[str, None] = {}
    for word in set(folded(text).split()):
        if LONG <= len(word) <= LONGEST:
            found.update((word[i:], None) for i in range(1, len(word) - SHORTEST_END + 1))
    return " ".join(found)


def words(text: str) -> Iterator[Word]:
    """The words of a text that is `plain` already, one after the other."""
    for found in _WORD.finditer(text.translate(_SHAPE)):
        start, end = found.span()
        yield Word(text[start:end].translate(_FOLDED).strip(), start, end)


def terms(query: str) -> list[list[str]]:
    """What a query asks for: each term is words that must stand side by side."""
    asked = (folded(term).split() for term in plain(query[:1000]).split())
    return list(islice(filter(None, asked), MOST_WORDS))


def expression(query: str) -> str:
    """A query in the index's own language; empty if it asks for nothing. Every word is quoted, and
    holds no quote: whatever is typed is searched for."""
    return " AND ".join(f'"{" ".join(term)}"*' for term in terms(query))
