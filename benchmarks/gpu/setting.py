"""What all steps are told: where they run, how large, and where they may write."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

STEPS = {  # in order, with the most seconds each may take
    "environment": 60,
    "parity": 120,
    "full_shape": 200,
    "memory": 150,
    "training": 180,
    "kernels": 110,
}
_NEEDED = 27e9  # bytes on the disk: 8.4 B weights in 16 bits and in 4
_ENOUGH = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 4}


@dataclass(frozen=True)
class Setting:
    toy: bool
    out: Path
    scratch: Path  # a folder of our own, deleted at the end
    fixtures: Path | None  # of model.parity

    @cached_property
    def device(self):
        from model.placement import pick_device

        return pick_device("cpu" if self.toy else "cuda")

    @property
    def official(self) -> Path:
        """A checkpoint of the published shape, in 16 bits."""
        return self.scratch / "official"

    @property
    def packed(self) -> Path:
        """The same in 4 bits."""
        return self.scratch / "packed"

    @property
    def sizes(self) -> dict:
        from benchmarks import synthetic

        return synthetic.TOY if self.toy else synthetic.FULL

    @property
    def middling(self) -> dict:
        """A shape that is quick to load, and wide enough for bitsandbytes' fused kernels."""
        from benchmarks import synthetic

        heads = {"num_attention_heads": 8, "kv_channels": 64}
        return synthetic.TOY | _ENOUGH | heads

    def words(self) -> list[str]:
        """As arguments of the command line, for a step's own process."""
        words = ["--out", str(self.out), "--scratch", str(self.scratch)]
        words += ["--fixtures", str(self.fixtures)] if self.fixtures else []
        return [*words, "--toy"] if self.toy else words


def roomiest(*, toy: bool) -> Path:
    """A new folder where there is most room; memory first."""
    places = [Path(place) for place in ("/dev/shm", tempfile.gettempdir()) if os.path.isdir(place)]
    free = {place: shutil.disk_usage(place).free for place in places}
    enough = [place for place in places if free[place] > 1.1 * _NEEDED]
    chosen = Path(tempfile.gettempdir()) if toy else (enough or [max(free, key=free.get)])[0]
    return chosen / f"earshot-gpu-{os.getpid()}"
