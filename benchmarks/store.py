"""`python -m benchmarks.store`: how quick the store is when it is big, in medians of milliseconds.

Makes 10,000 conversations with 200,000 turns in a temporary folder, one of them with 2,000 turns,
a fifth in Chinese, words as frequent as in real text. Prints each figure; the last line is JSON.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from uuid import uuid4

from sessions.store import Store

LONG = 2000  # turns of the longest conversation
DAY = 24 * 3600
WORDS = 30_000  # different ones; the n-th is 1/n as frequent as the first
SYLLABLES = [a + b for a in "bdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "in")]
CHARACTERS = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
RARE = "dolphin"  # said once in a thousand turns


class Writer:
    """Sentences, always the same ones."""

    def __init__(self):
        self.random = random.Random(7)
        self.words = [self._word() for _ in range(WORDS)]
        self.weights = list(accumulate(1 / n for n in range(1, WORDS + 1)))
        self.character_weights = list(accumulate(1 / n for n in range(1, len(CHARACTERS) + 1)))

    def _word(self) -> str:
        return "".join(self.random.choices(SYLLABLES, k=self.random.randint(1, 4)))

    def sentence(self) -> str:
        if self.random.random() < 0.2:
            length = self.random.randint(8, 60)
            return "".join(
                self.random.choices(CHARACTERS, cum_weights=self.character_weights, k=length)
            )
        length = self.random.randint(4, 40)
        said = self.random.choices(self.words, cum_weights=self.weights, k=length)
        return " ".join(said + [RARE] * (self.random.random() < 0.001))


def fill(store: Store, conversations: int, turns: int) -> str:
    """Returns the longest conversation. Rows are written as the store writes them, many at once;
    its triggers index each."""
    writer, now = Writer(), time.time()
    lengths = [LONG] + [max(2, (turns - LONG) // max(1, conversations - 1))] * (conversations - 1)
    ids = [uuid4().hex for _ in lengths]
    with store._writing() as db:
        db.conn.executemany(
            "insert into conversations (id, title, system, created, updated, number, pinned)"
            " values (?, ?, '', ?, ?, ?, ?)",
            (
                (id, writer.sentence()[:50], now - n * 600, now - n * 600, n + 1, n % 500 == 9)
                for n, id in enumerate(ids)
            ),
        )
        rows = list(_turns(ids, lengths, now))
        db.conn.executemany(
            "insert into turns (id, conversation, parent, role, status, created, updated)"
            " values (?, ?, ?, ?, 'done', ?, ?)",
            rows,
        )
        db.conn.executemany(
            "insert into parts (turn, position, text) values (?, 0, ?)",
            ((row[0], writer.sentence()) for row in rows),
        )
        db.execute(
            "update conversations set leaf ="
            " (select max(id) from turns where conversation = conversations.id)"
        )
    return ids[0]


def _turns(ids: list[str], lengths: list[int], now: float) -> Iterator[tuple]:
    number = 0
    for id, length in zip(ids, lengths, strict=True):
        for i in range(length):
            number += 1
            yield number, id, number - 1 if i else None, "assistant" if i % 2 else "user", now, now


def median_ms(does: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        does()
        times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 1)


def measure(store: Store, longest: str, runs: int) -> dict[str, float]:
    page = store.conversations(50)
    deep = store.conversations(5000)[-1]
    newest = store.turns(longest, limit=60)
    asked = {
        "list, first page of 50": lambda: store.conversations(50),
        "list, page after 5,000": lambda: store.conversations(50, after=deep),
        "counts": store.counts,
        "search 1 letter": lambda: store.search("b"),
        "search 2 letters": lambda: store.search("do"),
        "search 3 letters": lambda: store.search("dol"),
        "search a rare word": lambda: store.search(RARE),
        "search two words": lambda: store.search("dolphin ba"),
        "search inside words": lambda: store.search("lphi"),
        "search 1 character": lambda: store.search(CHARACTERS[0]),
        "search 1 rare character": lambda: store.search(CHARACTERS[2500]),
        "search 2 characters": lambda: store.search(CHARACTERS[5] + CHARACTERS[9]),
        "search 3 characters": lambda: store.search("".join(CHARACTERS[:3])),
        "search what is nowhere": lambda: store.search("zzz"),
        "search, sixth page": lambda: store.search("b", offset=100),
        "open the last 60 of 2,000 turns": lambda: store.turns(longest, limit=60),
        "the 60 before them": lambda: store.turns(longest, before=newest[0].id, limit=60),
        "all 2,000 turns": lambda: store.turns(longest),
        "versions of a page": lambda: store.versions(newest),
        "ask": lambda: store.ask(page[-1].id, ("And what is this sound?",)),
    }
    return {name: median_ms(does, runs) for name, does in asked.items()}


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.partition(":")[2].split(".")[0].strip())
    cli.add_argument("--conversations", type=int, default=10_000, help="default: %(default)s")
    cli.add_argument("--turns", type=int, default=200_000, help="default: %(default)s")
    cli.add_argument("--runs", type=int, default=9, help="of each; default: %(default)s")
    args = cli.parse_args()
    with tempfile.TemporaryDirectory() as folder, Store(folder) as store:
        began = time.perf_counter()
        longest = fill(store, args.conversations, args.turns)
        print(f"{args.turns:,} turns written in {time.perf_counter() - began:.0f} s", flush=True)
        size = store._file.path.stat().st_size
        figures = measure(store, longest, args.runs)
    for name, ms in figures.items():
        print(f"{name:34} {ms:8.1f} ms")
    print(json.dumps(figures | {"megabytes": round(size / 1e6)}))


if __name__ == "__main__":
    main()
