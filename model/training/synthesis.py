"""Sentences spoken by synthesisers: much English to write down, and every language that is asked
about in the same voices, so that a language cannot be told by its speaker.

Engines: flite (English), espeak-ng, Pico (pip: py-nanotts), which reads five languages, and Hibari
(pip: hibari-tts), which reads English and has one voice in its package. What is said comes from
WordNet's examples, the transcripts of the recordings to learn from, and the captions of the Tux
Paint stamps, which stand in dozens of languages.
"""

import importlib.util
import random
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from model.spec import SAMPLE_RATE
from model.training.packing import Pack
from model.training.recordings import ENGLISH, LANGUAGES, NAMELESS, language_of
from model.training.sources import LICENCES, MissingTool, held_out, pcm, wav
from model.training.texts import sentence, words

PART = 1500  # sentences of one part
STAMPS = "tuxpaint-stamps-default"
WORDNET = "wordnet-base"
_SECONDS = 0.3, 12  # shortest and longest
_LETTERS = 8, 120  # shortest and longest text in another language
_PICO = {"de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}
_FROM_PIP = (("pico", "py_nanotts", "py-nanotts"), ("hibari-tts", "hibari", "hibari-tts"))
_ENGLISH = {"flite": 45, "pico": 35, "espeak-ng": 20, "hibari-tts": 12}  # how often, each
_VARIANTS = [f"+f{n}" for n in range(1, 6)] + [f"+m{n}" for n in (1, 2, 3, 4, 6, 7)]
_HIBARI_RATE = 24_000  # Hz
_GLOSS = "english gloss"  # how a manifest marks a text that is not what is said
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


@dataclass(frozen=True)
class Said:
    """A synthesised sentence."""

    engine: str
    voice: str
    gender: str  # m or f: of the voice the engine imitates
    pcm: np.ndarray  # (n,) int16


def english(wordnet: Path, own: list[str]) -> list[str]:
    """What is to be spoken in English: WordNet's examples in usual words, the `own` transcripts of
    the recordings and prompts with numbers, shuffled; then the examples with rare words."""
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
    first = usual + said[:2600] + [_prompt(draw) for _ in range(600)]
    draw.shuffle(first)
    return first + sorted(found - set(usual))


def _prompt(draw: random.Random) -> str:
    text = re.sub("{d}", lambda _: str(draw.randrange(10)), draw.choice(_PROMPTS))
    return text.replace("{n}", str(draw.randrange(100)))


def foreign(rows: list[dict], language: str, stamps: Path, n: int) -> list[str]:
    """`n` texts in another language, none of them that of a held-out recording. Every fifth is a
    number, which the engines read in words; where there are few texts, they come again."""
    draw = random.Random(f"texts {language}")
    spoken = [row for row in rows if language_of(row) == language and row["task"] not in NAMELESS]
    spoken = [row for row in spoken if _GLOSS not in (row.get("label_quality") or "")]
    unheard = {row["text"].strip() for row in spoken if held_out(row)}
    texts = {row["text"].strip() for row in spoken} | captions(stamps, language)
    texts = sorted(text for text in texts - unheard if _is_plain(text))
    draw.shuffle(texts)
    numbers = [str(draw.randrange(10, 100_000)) for _ in range(-(-n // 5))]
    if not texts:
        return numbers[:n]
    said = (texts * (n // len(texts) + 1))[: n - len(numbers)] + numbers
    draw.shuffle(said)
    return said


def _is_plain(text: str) -> bool:
    return "<" not in text and _LETTERS[0] <= len(text) <= _LETTERS[1]


def practice(language: str, n: int) -> list[str]:
    """`n` texts for a corpus to try things with, made of nothing: prompts, or numbers."""
    draw = random.Random(f"practice {language}")
    if language == ENGLISH:
        return [_prompt(draw) for _ in range(n)]
    return [str(draw.randrange(10, 100_000)) for _ in range(n)]


def captions(stamps: Path, language: str) -> set[str]:
    """What the stamps of Tux Paint are called in a language."""
    found = set()
    for file in stamps.rglob("*.txt"):
        text = file.read_text(encoding="utf-8", errors="replace")
        found |= set(re.findall(rf"^{language}\.utf8=(.+?)\s*$", text, re.M))
    return found


def pack(job: tuple[str, str, list[str]], out: Path) -> None:
    """One part: (its name, language, texts), each in a voice, at a speed and pitch of its own."""
    name, language, texts = job
    draw = random.Random(name)
    with Pack(out, name) as part:
        for text in texts:
            said = speak(_readable(text, language), language, draw)
            if not _SECONDS[0] < len(said.pcm) / SAMPLE_RATE < _SECONDS[1]:
                continue
            part.add(said.pcm, _answers(text, language, said), **_facts(language, said))


def jobs(texts: dict[str, list[str]]) -> list[tuple[str, str, list[str]]]:
    """The parts to pack, of at most PART sentences of one language."""
    return [
        (f"spoken-{language}-{at // PART:02d}", language, lines[at : at + PART])
        for language, lines in texts.items()
        for at in range(0, len(lines), PART)
    ]


def _readable(text: str, language: str) -> str:
    """A text without what an engine might read out loud or take for a mark of its own."""
    text = sentence(text) if language == ENGLISH else re.sub(r"[<>_*#`\"\\]", " ", text)
    return text.replace(":", ",").replace(";", ",").lstrip("-")


def _answers(text: str, language: str, said: Said) -> dict[str, str]:
    known = {"transcribe": sentence(text)} if language == ENGLISH else {}
    known |= {"language": f"{LANGUAGES[language]}.", "kind of sound": "Speech."}
    return known | {"gender": {"m": "A man.", "f": "A woman."}[said.gender]}


def _facts(language: str, said: Said) -> dict:
    facts = {"split": "train", "language": language, "kind": "speech", "synthetic": True}
    facts |= {"speaker": said.voice, "gender": said.gender}
    return facts | {"source": said.engine, "licence": LICENCES[said.engine]}


# Engines ------------------------------------------------------------------------------------------


@cache
def missing_engines() -> dict[str, str]:
    """The engines that are missing on this machine, each with what installs it."""
    programs = [name for name in ("espeak-ng", "flite") if not shutil.which(name)]
    missing = {name: f"apt-get install {name}" for name in programs}
    for name, module, package in _FROM_PIP:
        if not importlib.util.find_spec(module):
            missing[name] = f"pip install {package}"
    return missing


def need_all() -> None:
    """Raises MissingTool where an engine is not there."""
    if missing := missing_engines():
        raise MissingTool(
            f"{' and '.join(missing)} cannot speak: not installed. Install with: "
            f"{'; '.join(missing.values())}."
        )


def speak(text: str, language: str, draw: random.Random) -> Said:
    """A sentence in one of the voices of its language, by an engine that is there."""
    weights = _ENGLISH if language == ENGLISH else {"espeak-ng": 1}
    if language in _PICO:
        weights = weights | {"pico": 1}
    there = [name for name in weights if name not in missing_engines()]
    if not there:
        raise MissingTool(
            f"No engine speaks {LANGUAGES[language]} here. Install one with: "
            "apt-get install espeak-ng."
        )
    engine = draw.choices(there, [weights[name] for name in there])[0]
    return _ENGINES[engine](text, language, draw)


def _flite(text: str, language: str, draw: random.Random) -> Said:
    hertz = {"slt": 170, "rms": 100, "awb": 125, "kal16": 105}
    voice = draw.choice(("kal16", "awb", "rms", "slt", "slt"))
    slow, pitch = draw.uniform(0.8, 1.25), hertz[voice] * draw.uniform(0.8, 1.25)
    how = ["--setf", f"duration_stretch={slow:.2f}", "--setf", f"int_f0_target_mean={pitch:.0f}"]
    said = _run(["flite", "-voice", voice, *how, "-t", text, "-o"])
    return Said("flite", f"flite-{voice}", "f" if voice == "slt" else "m", said)


def _espeak(text: str, language: str, draw: random.Random) -> Said:
    accents = ("en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp")
    accent = draw.choice(accents) if language == ENGLISH else language
    variant = draw.choice(["", *_VARIANTS])
    how = ["-s", str(draw.randint(130, 195)), "-p", str(draw.randint(30, 70))]
    said = _run(["espeak-ng", "-v", accent + variant, *how, text, "-w"])
    gender = variant[1] if variant else "m"
    return Said("espeak-ng", f"espeak-{accent}{variant}", gender, said)


def _pico(text: str, language: str, draw: random.Random) -> Said:
    from py_nanotts import NanoTTS  # only those who build the corpus need it

    voice = _PICO.get(language) or draw.choice(("en-US", "en-GB"))
    how = {"speed": draw.uniform(0.8, 1.35), "pitch": draw.uniform(0.8, 1.25)}
    said = np.frombuffer(NanoTTS().speak(text, voice=voice, **how), "<i2")
    return Said("pico", f"pico-{voice}", "f", said)


def _hibari(text: str, language: str, draw: random.Random) -> Said:
    speed, pitch = draw.uniform(0.85, 1.25), draw.uniform(0.82, 1.1)
    # Played at another rate it is another voice, but also slower or faster: that is made up for
    said = _hibari_voice()(text, speed=speed / pitch, seed=draw.getrandbits(32))
    said = (np.clip(said, -1, 1) * 30_000).astype("<i2")
    return Said("hibari-tts", "hibari-heart", "f", pcm(wav(said, round(_HIBARI_RATE * pitch))))


@cache
def _hibari_voice() -> Callable[..., np.ndarray]:
    """Reads English: text -> (n,) float32 in [-1, 1] at _HIBARI_RATE. Slow to load."""
    from hibari import Hibari  # only those who build the corpus need it

    return Hibari()


_ENGINES = {"flite": _flite, "espeak-ng": _espeak, "pico": _pico, "hibari-tts": _hibari}


def _run(command: list[str]) -> np.ndarray:
    """What an engine writes to the file that its last word names."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        subprocess.run([*command, file], check=True, capture_output=True)
        return pcm(file)
