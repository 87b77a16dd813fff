"""The models that can be chosen here: which there are, one opened, the large one fetched. Torch is
imported inside the functions, since one who only looks at the page need not load it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.engine import Engine, Parrot
from model.errors import EarshotError, NoRoom, NoWeights
from model.fetching import Fetching
from model.machine import Fit, fit

PARROT = "parrot"
BIG = "qwen-audio-chat"
PACKED = f"{BIG}-4bit"  # what `download --bits 4` makes of it
FETCHED_BYTES, PACKED_BYTES = 17e9, 6e9  # on the disk


@dataclass(frozen=True)
class Entry:
    """One model that can be chosen."""

    name: str  # as --model takes it
    title: str
    n_bytes: int = 0  # on the disk
    bits: int = 0  # a weight of the language model, as stored; 0 where nobody knows
    trouble: str = ""  # why it cannot be used


@dataclass(frozen=True)
class Offer:
    """Qwen-Audio-Chat, where it is not here yet."""

    fit: Fit
    needs: float  # bytes of disk, beside what has arrived
    free: float
    has_begun: bool


class Library:
    """`models` is the folder of downloaded checkpoints; `also` one that was named otherwise.
    `bits`, `device` and `quantise_head` are as for LocalEngine.open. `fetching` is the command that
    fetches Qwen-Audio-Chat; to it are added its name and the bits."""

    def __init__(
        self,
        models: Path,
        *,
        also: str = "",
        fetching: Sequence[str] = (),
        pause: float = 0.0,  # of Parrot
        **how,
    ):
        self.folder = models
        self._also, self._fetching, self._pause, self._how = also, fetching, pause, how

    def entries(self) -> list[Entry]:
        """What is here, the packaged model first."""
        from model import weights

        names = [weights.DEFAULT, *weights.installed(self.folder)]
        names += [name for name in weights.HUB if name not in names and weights.cached(name)]
        if self._also and self._also not in names:
            names.append(self._also)
        others = weights.unusable(self.folder).items()
        return [*map(self._entry, names), *(Entry(n, n, trouble=why) for n, why in others)]

    def _entry(self, name: str) -> Entry:
        from model import checkpoint, weights

        if name == PARROT:
            return Entry(PARROT, Parrot.about.name)
        title, size = Path(name).name, 0
        try:
            folder = weights.find(name, self.folder)
            title = checkpoint.read_config(folder).title or title
            size = sum(file.stat().st_size for file in checkpoint.shards(folder))
            return Entry(name, title, size, 4 if checkpoint.is_prequantised(folder) else 16)
        except EarshotError as error:
            return Entry(name, title, size, trouble=str(error))
        except (ValueError, TypeError, KeyError, OSError) as error:  # nonsense in a config.json
            return Entry(name, title, size, trouble=f"{title} cannot be read ({error}).")

    def open(self, name: str, progress: Callable[[int, int], None]) -> Engine:
        """Raises NoWeights or NoRoom."""
        if name == PARROT:
            return Parrot(self._pause)
        from model import weights
        from model.local import LocalEngine

        folder = weights.find(name, self.folder)
        return LocalEngine.open(folder, progress=progress, **self._how)

    def offer(self, spare: float = 0.0) -> Offer | None:
        """Unless it is here. `spare` is what the present model would leave on the GPU."""
        if any(e.name in (BIG, PACKED) and not e.trouble for e in self.entries()):
            return None
        fits = fit(spare)
        here = _size(self.folder / BIG)
        needs = FETCHED_BYTES + (PACKED_BYTES if fits.bits == 4 else 0) - here
        return Offer(fits, max(0.0, needs), _free(self.folder), here > 0)

    def fetch(self, ended: Callable[[], object]) -> Fetching:
        """Begins to fetch Qwen-Audio-Chat, in the form that suits this machine. Raises NoRoom."""
        offer = self.offer()
        if offer is None:
            raise NoWeights("Qwen-Audio-Chat is here already.")
        if offer.needs > offer.free:
            raise NoRoom(
                f"This takes {offer.needs / 1e9:.1f} GB and {offer.free / 1e9:.1f} GB are free on "
                f"the disk of {self.folder}. Make room, or choose another place with --data."
            )
        return Fetching([*self._fetching, BIG, "--bits", str(offer.fit.bits)], ended)


def _size(folder: Path) -> int:
    files = folder.rglob("*") if folder.exists() else ()
    return sum(file.stat().st_size for file in files if file.is_file())


def _free(folder: Path) -> int:
    place = folder.absolute()
    return shutil.disk_usage(next(p for p in (place, *place.parents) if p.exists())).free
