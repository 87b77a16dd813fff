"""English speech to learn from: Debian's human recordings and sentences spoken by synthesisers.

    python -m model.training.corpus MANIFESTS OUT [--synthetic 24000] [--processes 2]

MANIFESTS holds `manifest_*.jsonl.gz`: a recording a line, with `audio` (PACKAGE/path inside it),
`language`, `task`, `text`, `split`, `package`; a .tar beside them may hold what no package has.
Packages come from `apt-get download`, sentences from WordNet's examples, voices from flite,
espeak-ng and Pico (pip: py-nanotts). A part of the corpus is NAME.pcm, 16-bit samples at 16 kHz
one clip after the other, and NAME.jsonl, a line a clip. What is there already is not made again.
Nothing whose split begins with "test" gets into a part that is trained on.
"""

import argparse
import gzip
import json
import os
import random
import re
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from model.audio import ffmpeg
from model.spec import SAMPLE_RATE

HUMAN = "human-train"  # the part that people speak; the synthesisers' are SYNTHETIC-00 onwards
SYNTHETIC = "synth"
DEV_SHARE = 0.04  # of the training recordings of whole sentences, kept to watch progress
PART = 1500  # synthesised sentences in one part
_SECONDS = 0.2, 15  # shortest and longest human recording
_SPOKEN = 0.3, 12  # of synthesised ones
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
_PROMPTS = (  # what machines say on the telephone; {n} is a number below 100, {d} a digit
    "Press {d} to leave a message",
    "Press {d} to hear the menu again",
    "Press {d} to speak to someone",
    "Press {d} to delete this message",
    "You have {n} new messages",
    "There are {n} people in the room",
    "Please dial {d} {d} {d} {d}",
    "{n} and {d}",
    "It is {d} o clock",
)


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
    text = re.sub(r"(?<!')\b[A-Z]{2,}\b", lambda word: word[0].lower(), text)
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


@dataclass(frozen=True)
class Spoken:
    """One clip of the corpus. Its samples stay on disk until they are asked for."""

    pcm: np.ndarray  # int16, of the whole part
    start: int  # samples
    count: int
    text: str
    source: str  # the package or the synthesiser
    task: str

    @property
    def samples(self) -> np.ndarray:
        """(count,) float32 in [-1, 1)."""
        return self.pcm[self.start : self.start + self.count].astype(np.float32) / 32768


def read(folder: Path, name: str) -> list[Spoken]:
    """The clips of one part."""
    pcm = np.memmap(folder / f"{name}.pcm", "<i2", "r")
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Spoken(pcm, **_known(json.loads(line))) for line in lines]


def _known(row: dict) -> dict:
    return {name: row[name] for name in ("start", "count", "text", "source", "task")}


def training(folder: Path, human: int) -> list[Spoken]:
    """Everything to train on, what people speak `human` times."""
    parts = sorted(file.stem for file in folder.glob(f"{SYNTHETIC}-*.jsonl"))
    clips = [clip for part in parts for clip in read(folder, part)]
    return clips + read(folder, HUMAN) * human


def joined(clips: list[Spoken], n: int, seconds: tuple[float, float], seed: int) -> list[Spoken]:
    """`n` long clips, each of several of one source one after the other, with pauses. In memory:
    32 kB a second."""
    draw, by_source = random.Random(seed), {}
    for clip in clips:
        by_source.setdefault(clip.source, []).append(clip)
    long = []
    for _ in range(n):
        among, wanted = by_source[draw.choice(clips).source], draw.uniform(*seconds)
        pcm, texts = np.zeros(0, np.int16), []
        while True:
            clip = draw.choice(among)
            pause = np.zeros(int(draw.uniform(0.1, 0.8) * SAMPLE_RATE), np.int16)
            more = np.concatenate((pcm, pause, clip.pcm[clip.start : clip.start + clip.count]))
            if texts and len(more) > wanted * SAMPLE_RATE:
                break
            pcm, texts = more, [*texts, sentence(clip.text)]
        long.append(Spoken(pcm, 0, len(pcm), " ".join(texts), clip.source, clip.task))
    return long


class Part:
    """A part being written. It exists under its name only once it is whole."""

    def __init__(self, folder: Path, name: str):
        self.target, self.rows, self.end = folder / name, [], 0
        self.pcm = open(f"{self.target}.pcm.part", "wb")

    def add(self, pcm: np.ndarray, **row) -> None:
        """A clip (n,) int16 and what is known of it."""
        self.pcm.write(pcm.astype("<i2").tobytes())
        self.rows.append({"start": self.end, "count": len(pcm), **row})
        self.end += len(pcm)

    def close(self) -> None:
        self.pcm.close()
        os.replace(self.pcm.name, f"{self.target}.pcm")
        lines = "".join(json.dumps(row) + "\n" for row in self.rows)
        Path(f"{self.target}.jsonl").write_text(lines, encoding="utf-8")
        minutes = self.end / SAMPLE_RATE / 60
        print(f"{self.target.name}: {len(self.rows)} clips, {minutes:.1f} min", flush=True)


def decode(file: Path) -> np.ndarray:
    """Any sound file -> (n,) int16 at 16 kHz. G.722 has no header: its name must say so."""
    known = ["-f", "g722"] if file.suffix == ".g722" else []
    command = [ffmpeg(), "-nostdin", "-v", "error", *known, "-i", str(file)]
    command += ["-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<i2")


def fetch(packages: set[str], out: Path) -> None:
    """Unpacks Debian packages into out/PACKAGE, those that are not there yet."""
    for package in sorted(packages):
        if (out / package).exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["apt-get", "download", package], cwd=folder, check=True)
            (deb,) = Path(folder).glob("*.deb")
            subprocess.run(["dpkg", "-x", deb, out / package], check=True)


def record_people(manifests: Path, sources: Path, out: Path) -> None:
    """The English recordings of all manifests, in one part for each split."""
    rows = []
    for file in sorted(manifests.glob("manifest_*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    rows = [r for r in rows if str(r.get("language")).startswith("en") and words(r["text"])]
    for tar in manifests.glob("*.tar"):
        subprocess.run(["tar", "-xf", tar, "-C", sources], check=True)
    fetch({top for row in rows if not (sources / (top := row["audio"].split("/")[0])).exists()},
          sources)  # fmt: skip
    draw = random.Random(0)
    parts = {split: Part(out, f"human-{split}") for split in {"dev", *(r["split"] for r in rows)}}
    for row in rows:
        pcm, split = decode(sources / row["audio"]), row["split"]
        if not _SECONDS[0] <= len(pcm) / SAMPLE_RATE <= _SECONDS[1]:
            continue
        if split == "train" and row["task"] == "asr" and draw.random() < DEV_SHARE:
            split = "dev"
        parts[split].add(pcm, text=row["text"], source=row["package"], task=row["task"])
    for part in parts.values():
        part.close()


def sentences(wordnet: Path, own: list[str]) -> list[str]:
    """What is to be spoken: WordNet's examples in usual words, the `own` transcripts of the
    recordings and prompts with numbers, shuffled; then the examples with rare words."""
    draw, found = random.Random(1), set()
    for kind in ("noun", "verb", "adj", "adv"):
        glosses = (wordnet / f"usr/share/wordnet/data.{kind}").read_text(encoding="utf-8")
        quoted = re.findall(r'"([^"\n]{12,90})"', glosses)
        found |= {text.strip() for text in quoted if re.fullmatch(r"[A-Za-z ,';:.!?-]+", text)}
    examples = sorted(found)
    draw.shuffle(examples)
    count = Counter(word for text in (*examples, *own) for word in words(text).split())
    usual = [text for text in examples if all(count[w] >= 4 for w in words(text).split())]
    said = [text for text in own if len(words(text).split()) > 2]
    prompts = [_prompt(draw) for _ in range(600)]
    first = usual + said[:2600] + prompts
    draw.shuffle(first)
    return first + sorted(found - set(usual))


def _prompt(draw: random.Random) -> str:
    text = re.sub("{d}", lambda _: str(draw.randrange(10)), draw.choice(_PROMPTS))
    return text.replace("{n}", str(draw.randrange(100)))


def synthesise(job: tuple[int, list[str]], out: Path) -> None:
    """One part of synthesised sentences, each in a voice, at a speed and pitch of its own."""
    index, lines = job
    draw, part = random.Random(100 + index), Part(out, f"{SYNTHETIC}-{index:02d}")
    for line in lines:
        text = sentence(line).replace(":", ",").replace(";", ",")
        voice, pcm = _speak(text, draw)
        if _SPOKEN[0] < len(pcm) / SAMPLE_RATE < _SPOKEN[1]:
            part.add(pcm, text=line, source=voice, task="asr")
    part.close()


def _speak(text: str, draw: random.Random) -> tuple[str, np.ndarray]:
    engine = draw.choices((_flite, _pico, _espeak), (45, 35, 20))[0]
    with tempfile.TemporaryDirectory() as folder:
        return engine(text, draw, Path(folder) / "said.wav")


def _flite(text, draw, file):
    hertz = {"slt": 170, "rms": 100, "awb": 125, "kal16": 105}
    voice = draw.choice(("kal16", "awb", "rms", "slt", "slt"))
    slow, pitch = draw.uniform(0.8, 1.25), hertz[voice] * draw.uniform(0.8, 1.25)
    how = [f"duration_stretch={slow:.2f}", "--setf", f"int_f0_target_mean={pitch:.0f}"]
    subprocess.run(["flite", "-voice", voice, "--setf", *how, "-t", text, "-o", file], check=True)
    return f"flite-{voice}", decode(file)


def _espeak(text, draw, file):
    voice = draw.choice(("en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp"))
    voice += draw.choice(
        ["", *(f"+f{n}" for n in range(1, 6)), *(f"+m{n}" for n in (1, 2, 3, 4, 6, 7))]
    )
    how = ["-s", str(draw.randint(130, 195)), "-p", str(draw.randint(30, 70))]
    subprocess.run(["espeak-ng", "-v", voice, *how, "-w", file, text], check=True)
    return f"espeak-{voice}", decode(file)


def _pico(text, draw, file):
    from py_nanotts import NanoTTS  # only those who build the corpus need it

    voice = draw.choice(("en-US", "en-GB"))
    how = {"speed": draw.uniform(0.8, 1.35), "pitch": draw.uniform(0.8, 1.25)}
    return f"pico-{voice}", np.frombuffer(NanoTTS().speak(text, voice=voice, **how), "<i2")


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Build the English corpus of Earshot-mini.")
    cli.add_argument("manifests", type=Path)
    cli.add_argument("out", type=Path)
    cli.add_argument(
        "--synthetic", type=int, default=24_000, help="sentences; default: %(default)s"
    )
    cli.add_argument("--processes", type=int, default=2, help="default: %(default)s")
    args = cli.parse_args(argv)
    sources = args.out / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    if not (args.out / f"{HUMAN}.jsonl").exists():
        record_people(args.manifests, sources, args.out)
    fetch({"wordnet-base"}, sources)
    own = [clip.text for clip in read(args.out, HUMAN)]
    lines = sentences(sources / "wordnet-base", own)[: args.synthetic]
    jobs = [(n, lines[n * PART : (n + 1) * PART]) for n in range(-(-len(lines) // PART))]
    jobs = [j for j in jobs if not (args.out / f"{SYNTHETIC}-{j[0]:02d}.jsonl").exists()]
    with ProcessPoolExecutor(args.processes) as pool:
        list(pool.map(partial(synthesise, out=args.out), jobs))


if __name__ == "__main__":
    main()
