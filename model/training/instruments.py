"""Notes and tunes of the General MIDI instruments, rendered from sound fonts by fluidsynth.

A font takes seconds to load, so hundreds of notes are one MIDI file and one run, cut apart after.
The families are those of the General MIDI sound set; what has none (timpani, choir, orchestra hit)
is left out.
"""

import random
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.spec import SAMPLE_RATE
from model.training.packing import Pack
from model.training.sources import LICENCES, MissingTool, need, pcm

LOWEST, HIGHEST = 28, 96  # MIDI pitches asked about: E1 to C7
QUIET = 100  # largest sample of a note that cannot be heard
BATCH = 500  # notes or tunes in one run of fluidsynth
TEST_FONT = "musescore-general-soundfont-small"  # never learned from
FONTS = {  # Debian package: file in it
    "fluid-soundfont-gm": "usr/share/sounds/sf2/FluidR3_GM.sf2",
    "timgm6mb-soundfont": "usr/share/sounds/sf2/TimGM6mb.sf2",
    TEST_FONT: "usr/share/sounds/sf3/MuseScore_General_Lite.sf3",
}
_TICKS = 480  # of a MIDI file's quarter note, which lasts half a second: 960 a second
_REST = 0.9  # seconds between notes, for their ends to fade
_SCALES = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)  # major, minor: semitones above the tonic
_STEPS = -2, -1, -1, 0, 1, 1, 2, 4  # of the scale, from one tone of a tune to the next
_BEATS = 0.5, 1, 1, 1, 2  # that a tone of a tune lasts
_LONGEST_TUNE = 5.2  # seconds
_FAMILIES = """
Piano
1 A grand piano. 28 96
2 A bright piano. 28 96
3 An electric grand piano. 28 96
4 A honky-tonk piano. 28 96
5 An electric piano. 28 96
6 An electric piano. 28 96
7 A harpsichord. 29 89
8 A clavinet. 36 96
Mallets
9 A celesta. 60 96
10 A glockenspiel. 72 96
11 A music box. 60 96
12 A vibraphone. 53 89
13 A marimba. 45 96
14 A xylophone. 65 96
15 Tubular bells. 60 77
16 A dulcimer. 48 84
Organ
17 A drawbar organ. 36 96
18 A percussive organ. 36 96
19 A rock organ. 36 96
20 A church organ. 36 96
21 A reed organ. 36 96
22 An accordion. 53 89
23 A harmonica. 60 84
24 A tango accordion. 53 89
Guitar
25 An acoustic guitar. 40 83
26 A steel guitar. 40 83
27 A jazz guitar. 40 86
28 An electric guitar. 40 86
29 A muted guitar. 40 86
30 An overdriven guitar. 40 86
31 A distorted guitar. 40 86
32 Guitar harmonics. 40 86
Bass
33 An acoustic bass. 28 55
34 A fingered bass. 28 55
35 A picked bass. 28 55
36 A fretless bass. 28 55
37 A slap bass. 28 55
38 A slap bass. 28 55
39 A synth bass. 28 55
40 A synth bass. 28 55
Strings
41 A violin. 55 96
42 A viola. 48 86
43 A cello. 36 76
44 A double bass. 28 60
45 Tremolo strings. 36 91
46 Plucked strings. 36 91
47 A harp. 28 96
49 A string orchestra. 36 91
50 A string orchestra. 36 91
51 Synthetic strings. 36 91
52 Synthetic strings. 36 91
Brass
57 A trumpet. 55 82
58 A trombone. 40 72
59 A tuba. 28 58
60 A muted trumpet. 55 82
61 A French horn. 41 77
62 A brass section. 36 84
63 Synthetic brass. 36 84
64 Synthetic brass. 36 84
Reeds
65 A soprano saxophone. 56 88
66 An alto saxophone. 49 81
67 A tenor saxophone. 44 76
68 A baritone saxophone. 36 69
69 An oboe. 58 91
70 An English horn. 52 81
71 A bassoon. 34 72
72 A clarinet. 50 91
Flutes
73 A piccolo. 74 96
74 A flute. 60 96
75 A recorder. 60 96
76 A pan flute. 60 96
77 A blown bottle. 60 96
78 A shakuhachi. 55 84
79 A whistle. 60 96
80 An ocarina. 60 84
Synthesizer
81 A square wave synthesizer. 36 96
82 A sawtooth synthesizer. 36 96
83 A calliope synthesizer. 48 96
84 A chiff synthesizer. 48 96
85 A charang synthesizer. 36 96
86 A voice synthesizer. 48 84
87 A synthesizer in fifths. 36 84
88 A bass and lead synthesizer. 36 84
89 A new age synthesizer. 36 96
90 A warm synthesizer. 36 96
91 A polyphonic synthesizer. 36 96
92 A choir synthesizer. 48 84
93 A bowed glass synthesizer. 48 96
94 A metallic synthesizer. 36 96
95 A halo synthesizer. 36 96
96 A sweeping synthesizer. 36 96
"""


@dataclass(frozen=True)
class Preset:
    """An instrument: its General MIDI program (from 1), family, name, and range in MIDI pitches."""

    program: int
    family: str
    name: str
    low: int
    high: int


@dataclass(frozen=True)
class Tone:
    """Keys struck at once: MIDI pitches (60 is middle C), and seconds until they are let go."""

    pitches: tuple[int, ...]
    velocity: int
    hold: float


@dataclass(frozen=True)
class Note:
    """One note to play. `hold` is the seconds until the key is let go."""

    preset: Preset
    pitch: int  # MIDI
    velocity: int
    hold: float

    @property
    def tones(self) -> tuple[Tone, ...]:
        return (Tone((self.pitch,), self.velocity, self.hold),)


@dataclass(frozen=True)
class Tune:
    """Tones of one instrument, one after the other."""

    preset: Preset
    tones: tuple[Tone, ...]


def _presets() -> dict[int, Preset]:
    found, family = {}, ""
    for line in _FAMILIES.strip().splitlines():
        program, *name, low, high = line.split() if " " in line else ("", "", "", "")
        if not program:
            family = line
            continue
        found[int(program)] = Preset(int(program), family, " ".join(name), int(low), int(high))
    return found


PRESETS = _presets()
FAMILIES = tuple(dict.fromkeys(preset.family for preset in PRESETS.values()))
# Tubular bells, guitar harmonics, fifths: their written pitch is not the one heard
_UNPITCHED = {15, 32, 87}
_MISTUNED = {("timgm6mb-soundfont", 77), ("timgm6mb-soundfont", 79)}  # measured: not their pitch


def spoken(pitch: int) -> str:
    """A MIDI pitch as it is answered: 60 is "C4.", 54 "F sharp 3."."""
    name = "C C# D D# E F F# G G# A A# B".split()[pitch % 12]
    octave = pitch // 12 - 1
    return f"{name[0]} sharp {octave}." if len(name) > 1 else f"{name}{octave}."


def drawn(n: int, draw: random.Random) -> list[Note]:
    """`n` notes, as many of each family, shuffled."""
    notes = []
    for i in range(n):
        family = FAMILIES[i % len(FAMILIES)]
        preset = draw.choice([p for p in PRESETS.values() if p.family == family])
        pitch = draw.randint(max(preset.low, LOWEST), min(preset.high, HIGHEST))
        notes.append(Note(preset, pitch, draw.randint(50, 120), draw.uniform(0.6, 2.5)))
    draw.shuffle(notes)
    return notes


def tunes(n: int, draw: random.Random) -> list[Tune]:
    """`n` tunes of 1.5 to 5 seconds, as many of each family, shuffled: a walk up and down a scale,
    in one tune of three with chords."""
    made = []
    for i in range(n):
        family = FAMILIES[i % len(FAMILIES)]
        preset = draw.choice([p for p in PRESETS.values() if p.family == family])
        made.append(Tune(preset, tuple(_walk(preset, draw))))
    draw.shuffle(made)
    return made


def _walk(preset: Preset, draw: random.Random) -> Iterator[Tone]:
    tonic, scale = draw.randrange(12), draw.choice(_SCALES)
    heard = range(max(preset.low, LOWEST), min(preset.high, HIGHEST) + 1)
    pitches = [pitch for pitch in heard if (pitch - tonic) % 12 in scale]
    chords, velocity = draw.random() < 1 / 3, draw.randint(60, 110)
    beat, end = draw.uniform(0.15, 0.6), draw.uniform(1.5, _LONGEST_TUNE)
    at, seconds = draw.randrange(len(pitches)), 0.0
    while seconds < end:
        hold = min(beat * draw.choice(_BEATS), _LONGEST_TUNE - seconds)
        keys = (at, at + 2, at + 4) if chords and draw.random() < 0.5 else (at,)
        struck = tuple(pitches[key] for key in keys if key < len(pitches))
        yield Tone(struck, velocity + draw.randint(-10, 10), hold)
        seconds += hold
        at = min(max(at + draw.choice(_STEPS), 0), len(pitches) - 1)


def midi(pieces: Sequence[Note | Tune]) -> bytes:
    """A MIDI file that plays the pieces one after the other, with rests between."""
    track = bytearray()
    for piece in pieces:
        track += b"\0" + bytes((0xC0, piece.preset.program - 1))
        for tone in piece.tones:
            for pitch in tone.pitches:
                track += b"\0" + bytes((0x90, pitch, tone.velocity))
            ends = [_length(_ticks(tone.hold)), *[b"\0"] * (len(tone.pitches) - 1)]
            for wait, pitch in zip(ends, tone.pitches, strict=True):
                track += wait + bytes((0x80, pitch, 0))
        # a controller nobody listens to carries the rest
        track += _length(_ticks(_REST)) + bytes((0xB0, 3, 0))
    track += b"\0\xff\x2f\0"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS)
    return head + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def _length(ticks: int) -> bytes:
    """A time as MIDI writes it: seven bits a byte, all but the last with the high bit set."""
    digits = [ticks & 0x7F]
    while ticks := ticks >> 7:
        digits.insert(0, 0x80 | ticks & 0x7F)
    return bytes(digits)


def play(pieces: Sequence[Note | Tune], font: Path, draw: random.Random) -> list[np.ndarray]:
    """Each piece as (n,) int16 at 16 kHz, with up to 0.5 s of its end."""
    room = draw.choice(("0", "1"))  # with or without the font's reverberation and chorus
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        score.write_bytes(midi(pieces))
        # rendered at 48 kHz and brought to 16 kHz by ffmpeg: a synthesiser's own 16 kHz folds back
        command = [need("fluidsynth"), "-ni", "-R", room, "-C", room, "-r", "48000", "-g", "1.0"]
        command += ["-F", sound, font, score]
        subprocess.run(command, check=True, capture_output=True)
        whole = pcm(sound)
    cuts, at = [], 0.0
    for piece in pieces:
        held = sum(_ticks(tone.hold) for tone in piece.tones) / (2 * _TICKS)
        start = round(at * SAMPLE_RATE)
        end = round((at + held + draw.uniform(0.1, 0.5)) * SAMPLE_RATE)
        cuts.append(_faded(whole[start:end]))
        at += held + _ticks(_REST) / (2 * _TICKS)
    return cuts


def _ticks(seconds: float) -> int:
    return round(seconds * 2 * _TICKS)


def _faded(cut: np.ndarray, seconds: float = 0.05) -> np.ndarray:
    """The last 50 ms fade away, so that the cut makes no click."""
    n = min(len(cut), round(seconds * SAMPLE_RATE))
    fade = np.ones(len(cut), np.float32)
    fade[len(cut) - n :] = np.linspace(1, 0, n)
    return (cut * fade).astype(np.int16)


def pack(job: tuple[str, str, int, int], sources: Path, out: Path) -> None:
    """One part: (its name, the font's package, how many notes or tunes, seed). A part whose name
    begins with "tunes" holds tunes."""
    name, package, n, seed = job
    draw = random.Random(seed)
    pieces = tunes(n, draw) if name.startswith("tunes") else drawn(n, draw)
    split = "test" if package == TEST_FONT else "train"
    cuts = play(pieces, font(package, sources), draw)
    with Pack(out, name) as part:
        for piece, cut in zip(pieces, cuts, strict=True):
            if np.abs(cut).max() < QUIET:
                continue
            part.add(cut, _answers(piece, package), split=split, **_facts(piece, package))


def _answers(piece: Note | Tune, package: str) -> dict[str, str]:
    preset = piece.preset
    answers = {"instrument family": f"{preset.family}.", "instrument": preset.name}
    tuned = preset.program not in _UNPITCHED and (package, preset.program) not in _MISTUNED
    if isinstance(piece, Note) and tuned:
        answers["note"] = spoken(piece.pitch)
    return answers | {"kind of sound": "An instrument."}


def _facts(piece: Note | Tune, package: str) -> dict:
    preset = piece.preset
    known = {"family": preset.family, "program": preset.program, "instrument": preset.name}
    if isinstance(piece, Note):
        known |= {"pitch": piece.pitch, "velocity": piece.velocity, "kind": "note"}
    else:
        known |= {"kind": "tune"}
    return known | {"synthetic": True, "source": package, "licence": LICENCES[package]}


def font(package: str, sources: Path) -> Path:
    """The sound font of a package, unpacked among the sources or installed on this machine."""
    for root in (sources / package, Path("/")):
        if (root / FONTS[package]).exists():
            return root / FONTS[package]
    raise MissingTool(f"{package} is not installed. Install it with: apt-get install {package}.")


def need_all() -> None:
    """Raises MissingTool where notes cannot be rendered."""
    need("fluidsynth")


def jobs(n_notes: int, n_tunes: int, n_test: int) -> list[tuple[str, str, int, int]]:
    """The parts to pack: notes and tunes of two fonts in turn to learn from, notes of the test
    font."""
    learned = [*_parts("notes", n_notes, 1000), *_parts("tunes", n_tunes, 2000)]
    return [*learned, ("notes-test", TEST_FONT, n_test, 999)]


def _parts(name: str, n: int, seed: int) -> Iterator[tuple[str, str, int, int]]:
    fonts = [package for package in FONTS if package != TEST_FONT]
    for i, at in enumerate(range(0, n, BATCH)):
        yield f"{name}-{i:02d}", fonts[i % len(fonts)], min(BATCH, n - at), seed + i
