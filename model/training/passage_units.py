"""Reads the units that spoken passages are made of: kinds of statement with slots, and what may be
asked of each. The format is described at the head of `passages/slots.txt`."""

import re
from dataclasses import dataclass
from pathlib import Path

from model.training.spoken_amounts import AMOUNTS

FOLDER = Path(__file__).parent / "passages"
SLOT = re.compile(r"\{(an? )?([a-z_]+?)(\d?)\}")  # {city}, {city2}, {a city}: with its article
REFERENCES = ("speaker", "speaker_s")  # the one who speaks, as a question names them; "speaker's"
KINDS = (
    "who what when where why many number price phone ask will whose long age yesno yes no"
).split()
RARE_KINDS = ("why", "whose", "phone", "ask", "will", "yesno", "yes", "no")  # in few of the units
_ALTERNATIVES = re.compile(r"\[([^][]*)\]")


@dataclass(frozen=True)
class Question:
    """A question of a unit: its wordings, the last one held out, and those as a follow-up."""

    kind: str
    answer: str  # a template; "" for yes and no
    wordings: tuple[str, ...]
    follow_ups: tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    tag: str
    domain: str  # the file it stands in
    about: str  # what it is about, as a template
    held_out: bool  # never trained on
    sayings: tuple[str, ...]  # templates, each of one or more sentences
    questions: tuple[Question, ...]
    missing: tuple[str, ...]  # questions on the subject that no saying answers


@dataclass(frozen=True)
class Material:
    slots: dict[str, tuple[str, ...]]
    units: tuple[Unit, ...]
    wordings: dict[str, tuple[str, ...]]  # questions that fit any passage, and small talk


def read(folder: Path = FOLDER) -> Material:
    """All the units of a folder, with the slots and the general wordings.

    Raises ValueError, with the file and line, for a line that breaks the format."""
    slots, wordings, units = {}, {}, []
    for file in sorted(folder.glob("*.txt")):
        blocks: list[list[str]] = []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            try:
                if line[0] == "@":
                    name, fillers = _slot(line, slots)
                    _put(slots, name, fillers)
                elif line[0] == "&":
                    name, _, rest = line[1:].partition(":")
                    _put(wordings, name.strip(), _split(rest))
                elif line[0] == "[":
                    blocks.append([line])
                else:
                    blocks[-1].append(line)
            except (ValueError, IndexError) as error:
                raise ValueError(f"{file.name}, line {number}: {error}: {line}") from error
        units += [_unit(block, file.stem) for block in blocks]
    return Material(slots, tuple(units), wordings)


def slots_of(template: str) -> list[str]:
    """The names of a template's slots as written, with their numbers, without the article."""
    return [name + number for _, name, number in SLOT.findall(template)]


def defined(name: str, material: Material) -> bool:
    """Whether a slot, its number taken off, can be filled."""
    return name in material.slots or name in AMOUNTS or name in REFERENCES


def alternatives(saying: str) -> list[str]:
    """Every way to say it: "[Well, |]yes" is "Well, yes" and "yes"."""
    if not (match := _ALTERNATIVES.search(saying)):
        return [saying]
    ways = [saying[: match.start()] + way + saying[match.end() :] for way in match[1].split("|")]
    return [full for way in ways for full in alternatives(way)]


def _put(table: dict, name: str, values: tuple[str, ...]) -> None:
    if name in table:
        raise ValueError(f"{name} is defined twice")
    if len(set(values)) < len(values):
        raise ValueError(f"{name} holds a value twice")
    table[name] = values


def _slot(line: str, slots: dict) -> tuple[str, tuple[str, ...]]:
    name, _, rest = line[1:].partition(" ")
    if rest.startswith("+"):  # the fillers of other slots together
        return name, tuple(filler for other in rest.split() for filler in slots[other.strip("+")])
    return name, tuple(filler.strip() for filler in rest.split(";" if ";" in rest else ","))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(" / ") if part.strip())


def _unit(block: list[str], domain: str) -> Unit:
    tag, _, about = block[0].lstrip("[").partition("]")
    try:
        return Unit(
            tag=tag.removesuffix(" held out"),
            domain=domain,
            about=about.strip(),
            held_out=tag.endswith(" held out"),
            sayings=tuple(line[2:] for line in block if line.startswith("- ")),
            questions=tuple(_question(line[2:]) for line in block if line.startswith("? ")),
            missing=tuple(w for line in block if line.startswith("! ") for w in _split(line[2:])),
        )
    except ValueError as error:
        raise ValueError(f"{domain}.txt, unit {tag}: {error}") from error


def _question(line: str) -> Question:
    head, colon, rest = line.partition(" : ")
    asked, _, follow_ups = rest.partition(" ^ ")
    kind, _, answer = (part.strip() for part in head.partition(">"))
    if not colon or kind not in KINDS:
        raise ValueError(f"not a question: {line}")
    if bool(answer) is (kind in ("yes", "no")):
        raise ValueError(f"an answer is missing, or one too many: {line}")
    return Question(kind, answer, _split(asked), _split(follow_ups))
