"""Fits the linear heads of Earshot-mini (model/listening/heads.py) to features that are kept on
disk, calibrates them on sources they did not learn from, and measures them on held-out clips.

    python -m model.training.heads FEATURES OUT [--test FEATURES]

FEATURES is a folder of model/training/head_features.py. OUT gets heads.safetensors and heads.json,
the tensors and the key `heads` of a checkpoint. Each head is logistic regression with an L2
penalty, every class counting the same. Confidence: temperature scaling (arXiv 1706.04599) of what
heads say that were fitted without the clip's source; `sure_from` is where 95 % of such findings are
right.
"""

import argparse
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy

from model.listening.heads import REST, HeadConfig, Heads, HeadsConfig
from model.listening.notes import FAMILY, KIND, LANGUAGE, VOICE
from model.paths import as_path
from model.training.head_features import Features

LAYERS = {KIND: (3, 4), VOICE: (0, 1), FAMILY: (0, 1), LANGUAGE: (4,)}  # counted from 0
FIELDS = {KIND: "kind", VOICE: "gender", FAMILY: "family", LANGUAGE: "language"}  # of a clip
GROUPS = {KIND: "source", VOICE: "speaker", FAMILY: "source", LANGUAGE: "source"}
RIGHT = 0.95  # share of the findings called sure that shall be right
RARE = 20  # clips of a class, below which it counts less than others
FEWEST = 30  # clips of a language for it to have a row of its own
FOLDS = 5
FEW, OFTEN = 10, 40  # findings for a threshold; findings of a name for one of its own
KEPT = 384  # directions in which features differ most, that a head may use
PENALTY = {KIND: 1e-1, VOICE: 1e-2, FAMILY: 1e-2, LANGUAGE: 3e-1}
ALIKE = 60  # clips of one source that count in full, for a threshold
NEVER = 1.01  # a confidence that nothing has
EVEN = 0.5  # confidence below which nothing is sure, however often it is right
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What one head learns from: features (n, directions), classes (n,), the group that each clip
    belongs to, and for languages Whisper's log-probabilities (n, languages)."""

    about: str
    names: tuple[str, ...]
    features: torch.Tensor
    classes: torch.Tensor
    groups: np.ndarray
    whisper: torch.Tensor | None = None
    rows: torch.Tensor | None = None  # (languages,): the head's row of each

    def of(self, chosen: np.ndarray) -> "Task":
        """The same with some of the clips."""
        parts = {
            "features": self.features[chosen],
            "classes": self.classes[chosen],
            "groups": self.groups[chosen],
            "whisper": None if self.whisper is None else self.whisper[chosen],
        }
        return replace(self, **parts)

    def logits(self, head: "Fitted") -> torch.Tensor:
        """Of the classes (n, classes): of languages, all those that Whisper knows."""
        scores = self.features @ head.weight.T + head.bias
        return scores if self.rows is None else scores[:, self.rows] + head.trust * self.whisper

    @property
    def weigh(self) -> torch.Tensor:
        """What each clip counts (n,), 1 in all: every class the same, but very rare ones less."""
        count = torch.bincount(self.classes)[self.classes].float()
        weigh = 1 / count.clamp_min(RARE)
        return weigh / weigh.sum()


@dataclass(frozen=True)
class Fitted:
    """Weight (names, directions), bias (names,), and the trust (1,) in Whisper's guess."""

    weight: torch.Tensor
    bias: torch.Tensor
    trust: torch.Tensor

    def cooled(self, temperature: float) -> "Fitted":
        """The same, with logits divided by a temperature."""
        return Fitted(self.weight / temperature, self.bias / temperature, self.trust / temperature)


@dataclass(frozen=True)
class Directions:
    """The directions in which standardised features differ most: a head learns among these."""

    mean: torch.Tensor  # (width,)
    scale: torch.Tensor  # (width,)
    basis: torch.Tensor  # (width, directions)

    @classmethod
    def of(cls, features: torch.Tensor) -> "Directions":
        mean, scale = features.mean(0), features.std(0) + 1e-4
        standard = (features - mean) / scale
        _, basis = torch.linalg.eigh(standard.T @ standard / len(standard))
        return cls(mean, scale, basis[:, -min(KEPT, *standard.shape) :])

    def reduce(self, features: torch.Tensor) -> torch.Tensor:
        """(n, width) -> (n, directions)."""
        return (features - self.mean) / self.scale @ self.basis


def task_of(found: Features, about: str) -> tuple[Task, Directions]:
    """All clips of which it is known."""
    field, group = FIELDS[about], GROUPS[about]
    known = [i for i, row in enumerate(found.rows) if row.get(field)]
    if about == LANGUAGE:
        known = [i for i in known if found.rows[i][field] in found.languages]
    values = [found.rows[i][field] for i in known]
    features = torch.from_numpy(found.layers(LAYERS[about])[known])
    directions = Directions.of(features)
    features = directions.reduce(features)
    groups = np.array([str(found.rows[i].get(group)) for i in known])
    if about == LANGUAGE:
        made = [bool(found.rows[i].get("synthetic")) for i in known]
        groups = _of_language(groups, values, made)
    if about != LANGUAGE:
        names = tuple(sorted(set(values)))
        classes = torch.tensor([names.index(value) for value in values])
        return Task(about, names, features, classes, groups), directions
    codes, count = found.languages, Counter(values)
    names = (*sorted(code for code, n in count.items() if n >= FEWEST), REST)
    rows = torch.tensor([names.index(code if code in names else REST) for code in codes])
    classes = torch.tensor([codes.index(value) for value in values])
    whisper = torch.from_numpy(found.spoken[known])
    return Task(about, names, features, classes, groups, whisper, rows), directions


def _of_language(sources: np.ndarray, languages: Sequence[str], made: Sequence[bool]) -> np.ndarray:
    """A source's clips of one language are a group where people are heard in another source too,
    and so are synthesisers. What has one source alone cannot be left out: each clip is a group."""
    told = list(zip(languages, sources, made, strict=True))
    count = Counter(language for language, _, synthetic in set(told) if not synthetic)
    alone = [count[language] == 1 and not synthetic for language, _, synthetic in told]
    return np.array(
        [f"{one} {i if alone[i] else source}" for i, (one, source, _) in enumerate(told)]
    )


def fit(task: Task) -> Fitted:
    """The head with the smallest loss, found by L-BFGS."""
    weight = torch.zeros(len(task.names), task.features.shape[1], requires_grad=True)
    bias = torch.zeros(len(task.names), requires_grad=True)
    trust = torch.ones(1, requires_grad=task.rows is not None)
    learning = [part for part in (weight, bias, trust) if part.requires_grad]
    search = torch.optim.LBFGS(learning, max_iter=100, line_search_fn="strong_wolfe")
    weigh = task.weigh

    def loss() -> torch.Tensor:
        search.zero_grad()
        nats = cross_entropy(
            task.logits(Fitted(weight, bias, trust)), task.classes, reduction="none"
        )
        total = (nats * weigh).sum() + PENALTY[task.about] * _size(weight, task)
        total.backward()
        return total

    search.step(loss)
    return Fitted(weight.detach(), bias.detach(), trust.detach())


def _size(weight: torch.Tensor, task: Task) -> torch.Tensor:
    """What the penalty counts. Of the languages without a row of their own, little more is learned
    than how often they come."""
    if task.rows is None:
        return weight.square().sum()
    return weight[:-1].square().sum() + 1000 * weight[-1].square().sum()


# Calibration --------------------------------------------------------------------------------------


def unseen(task: Task) -> torch.Tensor:
    """Logits (n, classes) of each clip by a head that was fitted without its group."""
    from sklearn.model_selection import StratifiedGroupKFold

    logits = torch.zeros(task.logits(fit(task.of(np.arange(2)))).shape)
    folds = StratifiedGroupKFold(min(FOLDS, len(set(task.groups))), shuffle=True, random_state=0)
    for learned, judged in folds.split(task.groups, task.classes.numpy(), task.groups):
        logits[judged] = task.of(judged).logits(fit(task.of(learned)))
    return logits


def temperature(logits: torch.Tensor, task: Task) -> float:
    """The one under which the true classes are likeliest."""
    tried = torch.linspace(-1.5, 2.5, 161).exp()
    nats = [cross_entropy(logits / t, task.classes, reduction="none") for t in tried]
    return float(tried[int(np.argmin([float((each * task.weigh).sum()) for each in nats]))])


def sure_from(confidence: np.ndarray, right: np.ndarray, weigh: np.ndarray) -> float:
    """The least confidence from which at least RIGHT of the findings are right, each counting as
    much as `weigh` says; more than 1 where there are not FEW such findings."""
    order = np.argsort(-confidence)
    share = np.cumsum((right * weigh)[order]) / np.cumsum(weigh[order])
    fits = np.flatnonzero(share[FEW - 1 :] >= RIGHT)
    if not len(fits):
        return NEVER
    return max(EVEN, round(float(confidence[order][fits[-1] + FEW - 1]), 3))


def thresholds(logits: torch.Tensor, task: Task) -> tuple[float, ...]:
    """`sure_from` of each name: its own where it is found often, else that of all. A kind of sound
    that is never right often enough is never sure. A language or voice like that has what all
    have: the clips are not as many of each as people would bring."""
    confidence, named = (part.numpy() for part in logits.softmax(-1).max(-1))
    right = named == task.classes.numpy()
    if task.rows is not None:
        named = task.rows.numpy()[named]
    count = Counter(task.groups)  # a source with very many clips, all alike, shall not decide
    weigh = np.array([min(1.0, ALIKE / count[group]) for group in task.groups])
    overall, least = sure_from(confidence, right, weigh), []
    for i in range(len(task.names)):
        its = named == i
        own = overall
        if its.sum() >= OFTEN:
            own = sure_from(confidence[its], right[its], weigh[its])
        least.append(overall if own == NEVER and task.about != KIND else own)
    return tuple(least)


def calibrated(task: Task, layers: Sequence[int]) -> tuple[Fitted, HeadConfig]:
    """The head fitted to everything, its confidence taken from clips not learned from."""
    logits = unseen(task)
    heat = temperature(logits, task)
    logits = logits / heat
    config = HeadConfig(names=task.names, layers=tuple(layers), sure_from=thresholds(logits, task))
    confidence, named = logits.softmax(-1).max(-1)
    right = (named == task.classes).float()
    rows = named if task.rows is None else task.rows[named]
    sure = confidence >= torch.tensor(config.sure_from)[rows]
    log.info(
        "%s: %d clips, by heads that did not learn from their %s: %.1f %% right, %.1f %% where "
        "each class counts the same; temperature %.2f; sure of %.1f %%, of which %.1f %% are right",
        *(task.about, len(right), GROUPS[task.about], 100 * right.mean()),
        *(100 * (right * task.weigh).sum(), heat, 100 * sure.float().mean()),
        100 * right[sure].mean(),
    )
    return fit(task).cooled(heat), config


def rounded(head: Fitted, directions: Directions) -> dict[str, torch.Tensor]:
    """The head's tensors, on the features themselves. Means, scales and weights are numbers that
    bfloat16 has too, in which checkpoints are stored; the bias makes up for the rounded means."""
    weight = head.weight @ directions.basis.T
    kept = {"mean": directions.mean, "scale": directions.scale, "weight": weight}
    kept = {name: part.bfloat16().float() for name, part in kept.items()}
    moved = (directions.mean - kept["mean"]) / kept["scale"]
    return kept | {"bias": head.bias - kept["weight"] @ moved}


def build(found: Features) -> Heads:
    """All heads, fitted and calibrated."""
    heads, weights = {}, {}
    for about in FIELDS:
        task, directions = task_of(found, about)
        head, heads[about] = calibrated(task, LAYERS[about])
        parts = rounded(head, directions)
        if about == LANGUAGE:
            parts["trust"] = head.trust
        name = about.replace(" ", "_")
        weights |= {f"{name}.{part}": tensor for part, tensor in parts.items()}
    made = Heads(HeadsConfig(heads), found.width)
    made.load_state_dict(weights)
    return made.requires_grad_(False)


def write(heads: Heads, out: Path) -> None:
    """heads.safetensors, with names as in a checkpoint, and heads.json."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {f"heads.{name}": weight.contiguous() for name, weight in heads.state_dict().items()}
    save_file(weights, out / "heads.safetensors", metadata={"format": "pt"})
    text = json.dumps(heads.config.as_data(), indent=1)
    (out / "heads.json").write_text(text + "\n", encoding="utf-8")


def read(folder: Path, width: int) -> Heads:
    """What `write` wrote."""
    data = json.loads((folder / "heads.json").read_text(encoding="utf-8"))
    heads = Heads(HeadsConfig.of(data), width)
    weights = load_file(folder / "heads.safetensors")
    heads.load_state_dict({name.removeprefix("heads."): w for name, w in weights.items()})
    return heads.requires_grad_(False).eval()


# Measuring ----------------------------------------------------------------------------------------


def measure(heads: Heads, found: Features, about: str, chosen: Sequence[int]) -> str:
    """How many clips of those chosen a head names rightly, with an interval, and how many of those
    it is sure about."""
    from scipy.stats import binomtest

    features = torch.from_numpy(found.found.astype(np.float32))
    right, sure = [], []
    for i in chosen:
        if about == LANGUAGE:
            heard = dict(zip(found.languages, np.exp(found.spoken[i]).tolist(), strict=True))
            chances = heads.languages(features[i], heard)
            name = max(chances, key=chances.__getitem__)
            label = heads.judged(about, name, chances[name])
        else:
            label = heads.label(about, features[i])
        right.append(label.name == found.rows[i][FIELDS[about]])
        sure.append(label.is_sure)
    right, sure = np.array(right, float), np.array(sure)
    low, high = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    told = f"{int(right.sum())} of {len(right)} = {right.mean():.1%} ({low:.1%} to {high:.1%})"
    share = f"{right[sure].mean():.1%}" if sure.any() else "-"
    return f"{told}; where sure {int(right[sure].sum())} of {int(sure.sum())} = {share}"


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Fit the linear heads of Earshot-mini.")
    cli.add_argument("features", type=as_path, help="a folder of model.training.head_features")
    cli.add_argument("out", type=as_path)
    cli.add_argument("--test", type=as_path, help="features of held-out clips, to measure with")
    args = cli.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    heads = build(Features.read(args.features))
    write(heads, args.out)
    if args.test:
        found = Features.read(args.test)
        for about, field in FIELDS.items():
            chosen = [i for i, row in enumerate(found.rows) if row.get(field)]
            print(f"{about}: {measure(heads, found, about, chosen)}")


if __name__ == "__main__":
    main()
