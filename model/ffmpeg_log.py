"""What the ffmpeg program said of a file: its tracks, its stated length, and its troubles."""

import re
from dataclasses import dataclass
from functools import cached_property

from model.formats import LOSSLESS, LOSSLESS_FLOAT, PROTECTED

_TRACK = re.compile(
    r"^ {2,4}Stream #0:(?P<index>\d+)(\[\w+\])?(\((?P<language>\w+)\))?: Audio: (?P<about>.*)$",
    re.M,
)
_MOVING = re.compile(r"^ {2,4}Stream #0:\d+.*: Video: (?!.*attached pic)", re.M)
_LENGTH = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", re.M)
_FORMAT = re.compile(r"^Input #0, (.+?), from ", re.M)
_PROBED = re.compile(r"Format (\S+) probed with size=\d+ and score=(\d+)")
_LOST = re.compile(
    r"Error submitting (?:a )?packet to (?:the )?decoder|Decoding error: |"
    r"Error while decoding stream"
)
_ENDED_EARLY = re.compile(r"Error during demuxing: (.*)")
STEP_16 = 2.0**-15
_ENDS_WITH_AN_ERROR = {"vqf"}  # formats whose reader takes each end of a file for one
_SURE = 26  # a smaller score of a probe is a guess
_LAYOUTS = {"mono": 1, "stereo": 2, "downmix": 2, "binaural": 2, "quad": 4, "quad(side)": 4}
_LAYOUTS |= {"hexagonal": 6, "octagonal": 8, "cube": 8, "hexadecagonal": 16}


@dataclass(frozen=True)
class Track:
    """A stream of sound in a file."""

    index: int  # among all streams of the file
    codec: str
    layout: str  # as ffmpeg names it: stereo, 5.1(side), 12 channels
    n_channels: int  # 0 where the layout's name does not tell
    is_float: bool  # in a form that may hold any level
    step: float  # between its samples where they are finer than 16 bits and kept so; 0: any
    language: str
    is_default: bool

    @property
    def is_fine(self) -> bool:
        """Finer than 16 bits, and without loss."""
        return self.step < STEP_16

    @property
    def is_positioned(self) -> bool:
        """Whether it is known what each channel is for, so that there is a usual way to mix."""
        return self.n_channels > 0 and not re.search("channels|ambisonic", self.layout)


@dataclass(frozen=True)
class Log:
    """What the program said of a file."""

    text: str
    status: int | None  # 0 when it met no error it could not step over; None while it runs
    is_overdue: bool = False  # it was stopped, for taking too long

    @cached_property
    def tracks(self) -> list[Track]:
        head = self.text.split("\nStream mapping:")[0]
        return [_track(match) for match in _TRACK.finditer(head)]

    @property
    def has_audio(self) -> bool:
        return bool(self.tracks)

    @property
    def format(self) -> str:
        """The format's names, empty where it is not known or not allowed."""
        match = _FORMAT.search(self.text)
        return match[1] if match else ""

    @property
    def is_known(self) -> bool:
        return bool(self.format)

    @property
    def refused_format(self) -> str:
        """The name of a format that is known and not listed. Needs a log with all details."""
        match = _PROBED.search(self.text)
        return match[1] if match and "Format not on whitelist" in self.text else ""

    @property
    def likely_format(self) -> str:
        """What a file begins like that could not be opened. Needs a log with all details."""
        match = _PROBED.search(self.text)
        return match[1].split(",")[0] if match and int(match[2]) >= _SURE else ""

    @property
    def refused_codec(self) -> str:
        match = re.search(r"Codec \((\w\S*)\) not on whitelist", self.text)
        return match[1] if match else ""

    @property
    def is_protected(self) -> bool:
        return bool(PROTECTED.search(self.text))

    @property
    def stated(self) -> float | None:
        """Seconds promised by the header; None where that is a guess, or may mean the picture."""
        length = _LENGTH.search(self.text)
        is_guess = "Estimating duration from bitrate" in self.text
        if not length or is_guess or _MOVING.search(self.text):
            return None
        return int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3])

    @property
    def has_lost(self) -> bool:
        """Whether parts of the sound could not be decoded. Half a sample at the end is none."""
        halves = self.text.count("Invalid PCM packet, data has size")
        return len(_LOST.findall(self.text)) > halves

    @property
    def broke_off(self) -> str:
        """Why the file was not read to its end; empty where it was."""
        match = _ENDED_EARLY.search(self.text)
        return match[1] if match and self.format not in _ENDS_WITH_AN_ERROR else ""


def _track(match: re.Match) -> Track:
    codec, _, rest = match["about"].partition(",")
    codec = codec.split()[0]
    parts = [part.strip() for part in rest.split(",")]
    at = next((i for i, part in enumerate(parts) if part.endswith(" Hz")), -1)
    layout = parts[at + 1] if at + 1 < len(parts) else ""
    sample = parts[at + 2] if at + 2 < len(parts) else ""
    return Track(
        index=int(match["index"]),
        codec=codec,
        layout=layout,
        n_channels=n_channels(layout),
        step=_step(sample) if LOSSLESS.fullmatch(codec) else STEP_16,
        is_float=bool(LOSSLESS_FLOAT.fullmatch(codec)) and sample[:3] in ("flt", "dbl"),
        language=match["language"] or "",
        is_default="(default)" in match["about"],
    )


def _step(sample: str) -> float:
    """Of a form of samples as ffmpeg names it: s16, s32 (24 bit), flt."""
    if sample[:3] in ("flt", "dbl", "s64"):
        return 0.0
    if sample[:3] != "s32":
        return STEP_16
    bits = re.search(r"\((\d+) bit\)", sample)
    return 2.0 ** (1 - int(bits[1])) if bits else 2.0**-31


def n_channels(layout: str) -> int:
    """How many channels a layout of this name has; 0 where it does not tell."""
    if layout in _LAYOUTS:
        return _LAYOUTS[layout]
    if match := re.match(r"(\d+) channels", layout):
        return int(match[1])
    if match := re.match(r"ambisonic (\d+)$", layout):
        return (int(match[1]) + 1) ** 2
    if match := re.match(r"\d+(\.\d+)+", layout):  # 5.1, 7.1.4
        return sum(map(int, match[0].split(".")))
    return 0
