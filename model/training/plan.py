"""What one run is to do, and the refusal of what makes no sense. Reads no sound, loads no model."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from model import checkpoint
from model.errors import EarshotError
from model.training import data, mixture
from model.training.stages import NOTES, STAGES

NAME = "plan.json"
PASSES, FEWEST = 12, 150  # over the recordings of one's own, and steps at least
POSITIVE = (
    *("steps", "minutes", "seconds", "accumulate", "rate"),
    *("layers", "rank", "temperature", "log_every"),
)
OPTIONS = {"seconds": "seconds_per_batch"}  # what the command calls it
WARM_UP = 50  # steps, or a tenth of a run that is short


class CannotTrain(EarshotError):
    """The words of the command do not fit together, or not with what is there."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run. None is for the stage, or for the model, to decide."""

    stage: str
    base: Path
    data: tuple[Path, ...]
    out: Path
    steps: int | None = None
    minutes: float | None = None
    warm_up: int | None = None  # steps
    seconds: float = 24  # of sound in a batch
    accumulate: int = 1  # batches of one process in a step
    longest: float = 12.0  # seconds of a clip
    rate: float | None = None  # peak, of what is not new
    gradient_checkpointing: bool = False  # layers are computed twice, and little is kept
    layers: int | None = None  # of the encoder, from its end; None: all
    rank: int = 16  # of the adapters
    full: bool = False  # the language model learns as a whole, without adapters
    bits: int | None = None  # of the language model while it learns: 4 is QLoRA
    temperature: float = 2.0
    weights: dict[str, float] = field(default_factory=dict)
    ctc_share: float | None = None  # of the reading loss; the warm start has nothing else
    hinted: int = 2000  # batches of a warm start that tell where each token may be
    talk: Path | None = None  # dialogues of text to mix in
    teacher: Path | None = None  # a model whose words are learned too
    seed: int = 0
    resume: bool = False
    log_every: int = 10  # steps
    workers: int = 0  # processes that make batches ahead

    def save(self) -> None:
        """Writes it into the folder that comes out."""
        self.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), default=str, indent=1)
        (self.out / NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def of(cls, run: Path) -> "Plan":
        """The plan of a run, from its folder."""
        told = json.loads((run / NAME).read_text(encoding="utf-8"))
        paths = ("base", "out", "talk", "teacher")
        told |= {name: Path(told[name]) for name in paths if told.get(name)}
        return cls(**told | {"data": tuple(map(Path, told["data"]))})

    def __post_init__(self):
        if self.stage not in STAGES:
            raise CannotTrain(f"A stage is one of {', '.join(STAGES)}; got {self.stage!r}.")
        if not 0 < self.longest <= mixture.LONGEST:
            raise CannotTrain(
                f"--longest is at most {mixture.LONGEST:g} seconds; got {self.longest:g}."
            )
        for name in POSITIVE:
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                option = OPTIONS.get(name, name).replace("_", "-")
                raise CannotTrain(f"--{option} is more than 0; got {value:g}.")
        for name in ("warm_up", "ctc_share", "hinted", "workers"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise CannotTrain(f"--{name.replace('_', '-')} is at least 0; got {value:g}.")
        if not 0 <= self.seed < 2**32:  # as NumPy wants it
            raise CannotTrain(f"--seed is a whole number of at most 9 digits; got {self.seed}.")
        if any(not 0 <= weight < math.inf for weight in self.weights.values()):
            raise CannotTrain("--weights are numbers of at least 0.")
        if not self.steps and not self.minutes and self.stage != "adapt":
            raise CannotTrain("How long is it to learn? Give --minutes or --steps.")
        if self.teacher and not STAGES[self.stage].asks:
            raise CannotTrain("In a warm start nothing is said that --teacher could know better.")
        if self.bits == 4 and (self.full or STAGES[self.stage].hears):
            raise CannotTrain("In 4 bits only adapters learn: leave out --bits, or take adapt.")


def settled(plan: Plan, rows: Sequence[data.Row]) -> Plan:
    """The plan with what it left open, for these rows."""
    steps, bits, share = plan.steps, plan.bits, plan.ctc_share
    if not steps and not plan.minutes:
        steps = max(FEWEST, round(PASSES * data.seconds(rows) / plan.seconds / plan.accumulate))
    if bits is None:
        packed = plan.stage == "adapt" and checkpoint.is_prequantised(plan.base)
        bits = 4 if packed and not plan.full else 32
    if share is None:
        share = 1.0 if plan.stage == "warmstart" else 0.0
    warm_up = plan.warm_up
    if warm_up is None:
        warm_up = min(WARM_UP, max(1, steps // 10)) if steps else WARM_UP
    rate = plan.rate or STAGES[plan.stage].rate
    full = plan.full or STAGES[plan.stage].asks == NOTES  # its layers learn themselves
    given = {"steps": steps, "bits": bits, "ctc_share": share, "rate": rate, "warm_up": warm_up}
    return replace(plan, full=full, **given)


def in_four_bits(plan: Plan) -> bool:
    """Whether what comes out is rounded to 4 bits: where the base was, or learned so."""
    return plan.bits == 4 or (plan.stage == "adapt" and checkpoint.is_prequantised(plan.base))
