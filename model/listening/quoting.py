"""Answers made only of words that were heard or asked, and of a short list: which tokens may come
next. For decoding: model/batch.py. Knows no model.

Words are allowed whole: an answer cannot be spelt together from pieces of several.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from model.spec import IM_END
from model.tokenizer import Tokenizer

ALWAYS = (  # what answers need beside quotes
    "Yes No At in and The the A a An an of it is I am not sure does say Recording recording Audio "
    "Nobody speaks words were heard could be taken down can't hear that Perhaps tell which says "
    "man woman Somebody note sound speech animal instrument drum event vocal 0 1 2 3 4 5 6 7 8 9"
).split()
_MARKS = (".", ",", ";", ":", "!", "?", '"', ' "', '."', '?"', '!"', ',"', "'", "...", " -")
_STRIPPED = ".,;:!?\"'()[]“”‘’«»"


@dataclass
class _Node:
    after: dict[int, "_Node"] = field(default_factory=dict)
    ends: bool = False

    def add(self, ids: Iterable[int]) -> None:
        node = self
        for token_id in ids:
            node = node.after.setdefault(token_id, _Node())
        node.ends = node is not self or node.ends


class QuotedWords:
    """The tokens that may follow an answer so far."""

    def __init__(self, tokenizer: Tokenizer, texts: Iterable[str], always: Sequence[str] = ALWAYS):
        self.stop = tokenizer.control[IM_END]
        self.first, self.later, self.marks = _Node(), _Node(), _Node()
        for word in sorted({form for text in texts for form in _words(text)} | set(always)):
            self.first.add(tokenizer.encode(word))
            self.later.add(tokenizer.encode(f" {word}"))
        for mark in _MARKS:
            self.marks.add(tokenizer.encode(mark))

    def allowed(self, answer: Sequence[int]) -> Collection[int]:
        """Token ids that may come after those of an answer that was made so; the end of the turn
        is among them wherever a word has ended."""
        nodes = self._begin(first=True)
        for token_id in answer:
            ahead = [(root, node.after[token_id]) for root, node in nodes if token_id in node.after]
            nodes = list(ahead)
            for root, node in ahead:
                if node.ends:
                    nodes += self._begin(first=root is self.marks)
        found = {token_id for _, node in nodes for token_id in node.after}
        ended = any(node is root for root, node in nodes) and len(answer) > 0
        return found | {self.stop} if ended or not found else found

    def _begin(self, *, first: bool) -> list[tuple[_Node, _Node]]:
        """Where a word may begin: after a mark without a space, too."""
        roots = [self.later, self.marks] + [self.first] * first
        return [(root, root) for root in roots]


def _words(text: str) -> Iterator[str]:
    """The words of a text as written, without marks around them, and with a large or small first
    letter; parts that a hyphen or stroke joins, too."""
    for part in text.split():
        for word in {part.strip(_STRIPPED), *re.split(r"[-/–—]", part.strip(_STRIPPED))}:
            if word := word.strip(_STRIPPED):
                yield from (word, word[0].upper() + word[1:], word[0].lower() + word[1:])
