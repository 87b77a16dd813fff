"""The corpus of Earshot-mini, from nothing on a Debian machine: people's speech, that of two
adventure games, synthesised speech, notes and tunes of sound fonts, and sounds of every kind.

    python -m model.training.corpus MANIFESTS OUT [--processes 2]
    python -m model.training.corpus --small OUT

MANIFESTS holds `manifest_*.jsonl.gz` (model/training/sources.py). OUT then holds packed sound, the
manifests train.jsonl, dev.jsonl and test-*.jsonl (model/training/manifests.py), and in LICENCES.md
what may be done with it. What is there is not made again, and one seed makes one corpus, but for a
few samples of Pico's voice. `--small` makes a minute of it with the programs that are there, and
downloads nothing. OUT/sources, the unpacked packages (6 GB), can be removed when all is done.

Needs the Debian packages espeak-ng, flite and fluidsynth, and py-nanotts and hibari-tts from pip.
"""

import argparse
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from model.paths import as_path
from model.training import (
    collected,
    drascula,
    games,
    instruments,
    manifests,
    queen,
    recordings,
    sounds,
    synthesis,
)
from model.training.packing import clips, is_there
from model.training.sources import LICENCES, MissingTool, described, gather, held_out

GAMES = {queen.PACKAGE: queen.lines, drascula.PACKAGE: drascula.lines}
SENTENCES = 13_500  # in English, synthesised
FOREIGN = 500, 900  # in another language: at least so many, and so many with what people say
NOTES, TUNES, TEST_NOTES = 9_000, 2_000, 600
SMALL = {"en": 8, "de": 4, "fr": 4, "ru": 4}  # sentences of a small corpus
SMALL_NOTES, SMALL_DEV = 20, 0.2

log = logging.getLogger(__name__)
Job = tuple[str, Callable[[], None]]  # a name, and what packs the part of that name


def build(listed: Path, out: Path, processes: int = 2) -> dict[str, list[dict]]:
    """The whole corpus, from the manifests in a folder. Returns the lines of its manifests."""
    synthesis.need_all()
    instruments.need_all()
    rows, sources = described(listed), out / "sources"
    packages = {synthesis.WORDNET, *collected.PACKAGES, *instruments.FONTS, *GAMES}
    gather(packages, rows, listed, sources)
    for package in collected.PACKAGES:
        collected.unpack(package, sources)
    parts = [*_speech(rows, sources, out), *_sounds(rows, sources, out), *_notes(sources, out)]
    missing = [pack for name, pack in parts if not is_there(out, name)]
    with ProcessPoolExecutor(processes) as pool:
        for packed in [pool.submit(pack) for pack in missing]:
            packed.result()
    return finish(out)


def build_small(out: Path) -> dict[str, list[dict]]:
    """A minute of every part that can be made with what is on this machine. Raises MissingTool
    where that is none."""
    lines = {language: synthesis.practice(language, n) for language, n in SMALL.items()}
    parts = [(job[0], partial(synthesis.pack, job, out)) for job in synthesis.jobs(lines)]
    for job in instruments.jobs(SMALL_NOTES, SMALL_NOTES, SMALL_NOTES):
        parts.append((job[0], partial(instruments.pack, job, out / "sources", out)))
    refused = set()
    for name, pack in parts:
        try:
            if not is_there(out, name):
                pack()
        except MissingTool as missing:
            refused.add(str(missing))
    if not any(is_there(out, name) for name, _ in parts):
        raise MissingTool(" ".join(sorted(refused)))
    for why in sorted(refused):
        log.info("Left out: %s", why)
    return finish(out, SMALL_DEV)


def _speech(rows: list[dict], sources: Path, out: Path) -> Iterator[Job]:
    """People in every language with two sources, synthesisers in the same languages, and games."""
    for package, read in GAMES.items():
        yield games.part_of(package), partial(games.pack, package, read, sources, out)
    lines = {}
    for language in sorted(recordings.known_languages(rows)):
        chosen = recordings.chosen(rows, language)
        pack = partial(recordings.pack, (language, chosen), sources, out)
        yield recordings.part_of(language), pack
        learned = [row for row in chosen if not held_out(row)]
        if language == recordings.ENGLISH:
            own = [row["text"] for row in learned]
            lines[language] = synthesis.english(sources / synthesis.WORDNET, own)[:SENTENCES]
        else:
            n = max(FOREIGN[0], FOREIGN[1] - len(learned))
            stamps = sources / synthesis.STAMPS
            lines[language] = synthesis.foreign(rows, language, stamps, n)
    for job in synthesis.jobs(lines):
        yield job[0], partial(synthesis.pack, job, out)


def _sounds(rows: list[dict], sources: Path, out: Path) -> Iterator[Job]:
    listed = [row for row in rows if not recordings.language_of(row)]
    for name, found in (("sounds", listed), ("sounds-collected", collected.described(sources))):
        yield name, partial(sounds.pack, name, found, sources, out)


def _notes(sources: Path, out: Path) -> Iterator[Job]:
    for job in instruments.jobs(NOTES, TUNES, TEST_NOTES):
        yield job[0], partial(instruments.pack, job, sources, out)


# The end ------------------------------------------------------------------------------------------


def finish(out: Path, dev: float = manifests.DEV) -> dict[str, list[dict]]:
    """Manifests, counts and licences of the parts that are there."""
    written = manifests.write(out, dev)
    used = _sources(out)
    (out / "sources.json").write_text(json.dumps(used, indent=1) + "\n", encoding="utf-8")
    (out / "LICENCES.md").write_text(_licences(used), encoding="utf-8")
    for name, rows in sorted(written.items()):
        count = Counter(row["task"] for row in rows)
        told = ", ".join(f"{n} {task}" for task, n in sorted(count.items()))
        log.info("%s: %s", name, told)
    return written


def _sources(out: Path) -> dict[str, dict]:
    """Of each source, its licence and how many clips and minutes there are, learned from and held
    out."""
    used = defaultdict(lambda: dict.fromkeys(("clips", "minutes", "held_out", "held_out_min"), 0))
    for clip in clips(out):
        count, minutes = ("held_out", "held_out_min") if held_out(clip) else ("clips", "minutes")
        source = used[clip["source"]]
        source[count] += 1
        source[minutes] += clip["duration"] / 60
    for name, source in used.items():
        source["licence"] = LICENCES[name]
        source |= {key: round(source[key], 1) for key in ("minutes", "held_out_min")}
    return dict(sorted(used.items()))


def _licences(used: dict[str, dict]) -> str:
    lines = [
        "# Where the sound of this corpus comes from\n",
        "A name is a Debian package, whose copyright file has the terms in full and the authors; a",
        "synthesiser, with the licence of its engine; or a game. What a model learns from is the",
        "first pair of figures; what is held out is only tested with.\n",
        "| source | licence | clips | minutes | held out | minutes |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in used.items():
        figures = f"{row['clips']} | {row['minutes']} | {row['held_out']} | {row['held_out_min']}"
        lines.append(f"| {name} | {row['licence']} | {figures} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Build the corpus of Earshot-mini.")
    cli.add_argument(
        "folders",
        type=as_path,
        nargs="+",
        metavar="FOLDER",
        help="those with the manifests of people and sounds, then the one to write",
    )
    cli.add_argument("--small", action="store_true", help="a minute of it; wants only OUT")
    cli.add_argument("--processes", type=int, default=2, help="default: %(default)s")
    args = cli.parse_args(argv)
    if len(args.folders) != 2 - args.small:
        cli.error("give MANIFESTS and OUT, or --small and OUT")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        build_small(*args.folders) if args.small else build(*args.folders, args.processes)
    except MissingTool as missing:
        cli.exit(1, f"{missing}\n")


if __name__ == "__main__":
    main()
