"""The published benchmarks as one table: what is asked, how it is judged, what others reached, and
where the data lies. A task of model/tasks.py is a benchmark of which nothing is published.

Prompts, normalisation and lengths of answers are those of Qwen-Audio's published evaluation; the
scores are those of its paper (arXiv 2311.07919, tables 2 and 3, without fine-tuning for a task),
beside the best other model that it names for the same data. Word errors in Chinese are characters.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from model.evaluation import layouts
from model.evaluation.manifest import BadManifest, Item
from model.evaluation.metrics import METRICS
from model.tasks import ALSO, TASKS, Task

MAX_TOKENS = 256  # of an answer, unless a benchmark says otherwise
SCENES = {
    "cochlscene": (
        *("bus", "cafe", "car", "crowded indoor", "elevator", "kitchen", "park"),
        *("residential area", "restaurant", "restroom", "street", "subway", "subway station"),
    ),
    "tut2017": (
        *("beach", "bus", "cafe/restaurant", "car", "city center", "forest path"),
        *("grocery store", "home", "library", "metro station", "office", "park"),
        *("residential area", "train", "tram"),
    ),
}
EMOTIONS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
VOCAL = ("laughter", "sigh", "cough", "throat clearing", "sneeze", "sniff")
INTO = {"de": "German", "en": "English", "zh": "Chinese"}


@dataclass(frozen=True)
class Figure:
    """One metric, and what was published."""

    metric: str  # a name in METRICS
    published: float | None = None  # Qwen-Audio's
    other: float | None = None  # the best other's


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One row: a task on one set of data."""

    name: str
    row: Task  # the tags, with their languages, and the question in words
    figures: tuple[Figure, ...]
    read: Callable[[Path], list[Item]] | None = None  # from the folder as it is unpacked
    home: str = ""  # where to get it
    max_tokens: int = MAX_TOKENS  # of an answer to tags; in a chat it may be longer
    chat: str = ""  # what is added to the question in a chat

    def items(self, root: Path) -> list[Item]:
        """What is asked, from the data's own folder. Raises BadManifest."""
        if self.read is None:
            raise BadManifest(
                f"The data of {self.name} were never published. Give your own: --benchmark "
                f"{self.name} --manifest FILE, with the times in the text: {_TIMES}"
            )
        items = [replace(item, task=self.name) for item in self.read(root)]
        if not items:
            raise BadManifest(f"{root} holds nothing of {self.name} ({self.home}).")
        return items


_TIMES = "<|0.00|>hello<|0.42|>there<|0.80|>"


def _rows(
    name: str,
    parts: dict[str, tuple[tuple[float, float], ...]],
    *,
    row: Task | Callable[[str], Task],
    metrics: tuple[str, ...] | Callable[[str], tuple[str, ...]],
    reader: layouts.Reader,
    home: str,
    **more,
):
    """A benchmark for each part; `parts` has, for the first metrics, what Qwen-Audio and the best
    other reached."""
    for part, scores in parts.items():
        names = metrics(part) if callable(metrics) else metrics
        figures = zip_longest(names, scores, fillvalue=())
        yield Benchmark(
            name=f"{name}/{part}" if len(parts) > 1 else name,
            row=row(part) if callable(row) else row,
            figures=tuple(Figure(metric, *score) for metric, score in figures),
            read=lambda root, part=part: reader(root, part),
            home=home,
            **more,
        )


def _translation(part: str) -> Task:
    spoken, written = part.split("_")
    asks = f"Translate what is said into {INTO[written]}."
    return replace(TASKS["translate"], audio=spoken, text=written, asks=asks)


def _classes(task: str, choices: tuple[str, ...], **more) -> dict:
    """What a task over a closed list of answers has in a row."""
    return {
        "row": replace(TASKS[task], choices=choices),
        "metrics": ("accuracy",),
        "chat": f" Answer with one of: {', '.join(choices)}.",
        **more,
    }


_AS_WRITTEN = ("word error rate as written", "word error rate")
_CHINESE = TASKS["transcribe"].spoken_in("zh")
_ALL = (
    *_rows(
        "librispeech",
        {
            "dev-clean": ((0.018, 0.021),),
            "dev-other": ((0.040, 0.055),),
            "test-clean": ((0.020, 0.021),),
            "test-other": ((0.042, 0.049),),
        },
        row=TASKS["transcribe"],
        metrics=_AS_WRITTEN,
        reader=layouts.librispeech,
        home="https://www.openslr.org/12",
    ),
    *_rows(
        "aishell1",
        {"dev": ((0.012, 0.016),), "test": ((0.013, 0.019),)},
        row=_CHINESE,
        metrics=_AS_WRITTEN,
        reader=layouts.aishell1,
        home="https://www.openslr.org/33",
    ),
    *_rows(
        "aishell2",
        {
            "Mic": ((0.033, 0.045),),
            "iOS": ((0.031, 0.029),),
            "Android": ((0.033, 0.040),),
        },
        row=_CHINESE,
        metrics=_AS_WRITTEN,
        reader=layouts.aishell2,
        home="https://www.aishelltech.com/aishell_2",
    ),
    *_rows(
        "covost2",
        {
            "en_de": ((0.251, 0.186),),
            "de_en": ((0.339, 0.271),),
            "en_zh": ((0.415, 0.331),),
            "zh_en": ((0.157, 0.123),),
            "es_en": ((0.397, 0.279),),
            "fr_en": ((0.385, 0.252),),
            "it_en": ((0.360, 0.259),),
        },
        row=_translation,
        metrics=lambda part: ("BLEU of Chinese" if part.endswith("_zh") else "BLEU",),
        reader=layouts.covost2,
        home="https://github.com/facebookresearch/covost",
    ),
    *_rows(
        "clotho",
        {"evaluation": ((0.441, 0.416), (0.136, 0.126), (0.288, 0.271))},
        row=TASKS["caption"],
        metrics=("CIDEr", "SPICE", "SPIDEr"),
        reader=layouts.clotho,
        home="https://zenodo.org/records/3490684",
        max_tokens=30,
        chat=" Answer with one sentence.",
    ),
    Benchmark(
        name="timestamps",
        row=TASKS["transcribe Chinese with times"],
        # published are figures over the words that were found; ours counts the missing ones too
        figures=(Figure("average shift of words", 0.0515, 0.0603),),
    ),
    *_rows(
        "cochlscene",
        {"Test": ((0.795, 0.669),)},
        reader=layouts.cochlscene,
        home="https://zenodo.org/records/7080122",
        max_tokens=10,
        **_classes("scene", SCENES["cochlscene"]),
    ),
    *_rows(
        "tut2017",
        {"evaluation": ((0.649, 0.353),)},
        reader=layouts.tut2017,
        home="https://zenodo.org/records/1040168",
        max_tokens=10,
        **_classes("scene", SCENES["tut2017"]),
    ),
    *_rows(
        "meld",
        {"test": ((0.557, 0.542),)},
        reader=layouts.meld,
        home="https://affective-meld.github.io",
        max_tokens=4,
        **_classes("emotion", EMOTIONS),
    ),
    *_rows(
        "clothoaqa",
        {"test": ((0.579, 0.542), (0.749, 0.645))},
        row=TASKS["question"],
        metrics=("accuracy", "accuracy of yes and no"),
        reader=layouts.clothoaqa,
        home="https://zenodo.org/records/6473207",
        max_tokens=4,
        chat=" Answer with one word.",
    ),
    *_rows(
        "vocalsound",
        {"te": ((0.9289, 0.6035),)},
        reader=layouts.vocalsound,
        home="https://github.com/YuanGongND/vocalsound",
        max_tokens=4,
        **_classes("vocal sound", VOCAL),
    ),
    *_rows(
        "nsynth",
        {"test": ((0.4742, 0.3860), (0.7882, 0.5007))},
        row=TASKS["note"],
        metrics=("mean average precision of qualities", "instrument accuracy"),
        reader=layouts.nsynth,
        home="https://magenta.tensorflow.org/datasets/nsynth",
        max_tokens=30,
    ),
)
BENCHMARKS = {benchmark.name: benchmark for benchmark in _ALL}


def judged(task: str) -> Benchmark:
    """How a task of a manifest, or a benchmark, is asked and judged. Raises BadManifest for one
    that is not known."""
    if task in BENCHMARKS:
        return BENCHMARKS[task]
    row = TASKS.get(ALSO.get(task, task))
    if row is None:
        known = ", ".join([*ALSO, *TASKS, *BENCHMARKS])
        raise BadManifest(f"There is no way to score the task {task!r}. Known are: {known}.")
    return Benchmark(name=task, row=row, figures=(Figure(row.metric),))


def parts(name: str) -> list[Benchmark]:
    """The benchmarks of a name: librispeech means all of its parts. Raises BadManifest."""
    found = [b for b in BENCHMARKS.values() if name in (b.name, b.name.split("/")[0])]
    if not found:
        names = dict.fromkeys(known.split("/")[0] for known in BENCHMARKS)
        raise BadManifest(
            f"There is no benchmark {name!r}. There are: {', '.join(names)}, and their parts: "
            f"{', '.join(known for known in BENCHMARKS if '/' in known)}."
        )
    return found


def items(name: str, root: Path) -> list[Item]:
    """What the benchmarks of a name ask, of all parts that the folder holds."""
    found, missing = [], None
    for benchmark in parts(name):
        try:
            found += benchmark.items(root)
        except BadManifest as error:
            missing = missing or error
    if not found:
        raise missing
    return found


assert all(figure.metric in METRICS for one in _ALL for figure in one.figures)
