"""Where recordings come from: Debian packages, their licences, and manifests that describe them.

A manifest is `manifest_*.jsonl.gz`, a recording a line: `audio` (PACKAGE/path inside it), `task`,
`text`, `package`, `duration`, `split`, and where known `language`, `speaker`, `gender`,
`label_quality`. Packages come from `apt-get download`; a .tar beside the manifests may hold what no
package has. Whatever has a split that begins with "test" is never learned from.
"""

import gzip
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import wave
import zipfile
from pathlib import Path

import numpy as np

from model.audio import decode
from model.errors import EarshotError

ARCHIVES = {  # folder that manifests speak of: the package and the zip file in it that hold it
    "_extracted/ufoai": ("ufoai-sound", "usr/share/games/ufoai/base/0snd.pk3")
}
LICENCES = {  # of the sound of every source that may enter the corpus, by its copyright file
    "0ad-data": "CC-BY-SA-3.0",
    "alsa-utils": "GPL-2",
    "asterisk-core-sounds-en-g722": "CC-BY-SA-3.0",
    "asterisk-core-sounds-es-g722": "CC-BY-SA-3.0",
    "asterisk-core-sounds-fr-g722": "CC-BY-SA-3.0",
    "asterisk-core-sounds-it-g722": "CC-BY-3.0",
    "asterisk-core-sounds-ru-g722": "CC-BY-3.0",
    "asterisk-prompt-es-co": "GPL-2",
    "asterisk-prompt-fr-armelle": "BSD-3-clause",
    "asterisk-prompt-it-menardi-wav": "CC-BY-SA-3.0",
    "beneath-a-steel-sky": "freeware: may be changed and passed on, not sold alone",
    "brainparty-data": "GPL-3+ and CC-BY-SA-3.0",
    "bucklespring-data": "GPL-2+",
    "csoundqt-examples": "LGPL-2.1+ and GPL-3+",
    "drascula": "freeware: may be changed, marked as such, and passed on with its readme, not sold"
    " alone",
    "festvox-ru": "BSD-like",
    "fillets-ng-data-cs": "GPL-2",
    "fillets-ng-data-nl": "GPL-2",
    "flight-of-the-amazon-queen": "freeware: may be changed, marked as such, and passed on with its"
    " readme, not sold alone",
    "fluid-soundfont-gm": "MIT",
    "gamine-data": "GPL-2+ and GPL-3+",
    "gcompris-qt-data": "GPL-3+, CC-BY-3.0, CC0, Free Art and others, by the file",
    "gnome-audio": "CC-BY-SA-2.0 and CC-BY-3.0",
    "hedgewars-data": "GFDL-1.3",
    "hydrogen-data": "GPL-2+",
    "hydrogen-drumkits": "GPL-2+, CC-BY-3.0, CC-BY-SA-3.0 and CC0, by the kit",
    "hydrogen-drumkits-effects": "CC-BY-3.0",
    "klettres-data": "GPL-2+",
    "ktuberling-data": "GPL-2+",
    "lmms-common": "GPL-2+ and CC-BY-SA-3.0",
    "lugaru-data": "CC-BY-SA-3.0 and CC-BY-SA-4.0",
    "megaglest-data": "CC-BY-SA-3.0",
    "minetest-data": "CC-BY-SA-3.0 and CC-BY-SA-4.0",
    "musescore-general-soundfont-small": "MIT",
    "sonic-pi-samples": "CC0",
    "sound-icons": "GPL-2+",
    "sound-theme-freedesktop": "CC-BY-SA-3.0, CC-BY-3.0 and GPL-2+",
    "timgm6mb-soundfont": "GPL-2",
    "tuxmath-data": "GPL-3+",
    "tuxpaint-stamps-default": "GPL-2",
    "tuxtype-data": "GPL-2",
    "ufoai-sound": "GPL-2+, CC-BY-SA-3.0 and CC-BY-3.0",
    "unknown-horizons": "CC-BY-SA-3.0",
    "warmux-data": "GPL-2+",
    "wesnoth-1.16-data": "GPL-2+",
    "widelands-data": "GPL-2+",
    "wordnet-base": "WordNet 3.0",
    # the voices of synthesisers: the licence of the engine
    "espeak-ng": "GPL-3+",
    "flite": "BSD-like",
    "hibari-tts": "Apache-2.0",
    "pico": "Apache-2.0",
}


class MissingTool(EarshotError):
    """A program or package of the machine that a part of the corpus needs."""


def need(program: str, package: str = "") -> str:
    """The path of a program; a sentence where it is not installed."""
    if path := shutil.which(program):
        return path
    raise MissingTool(
        f"{program} is not installed. Install it with: apt-get install {package or program}."
    )


def described(manifests: Path) -> list[dict]:
    """The lines of every manifest in a folder, in the order of the files' names."""
    rows = []
    for file in sorted(manifests.glob("manifest_*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows += map(json.loads, lines)
    return rows


def held_out(row: dict) -> bool:
    """Whether a recording must never be learned from."""
    return row["split"].startswith("test")


def pcm(file: Path | bytes) -> np.ndarray:
    """A sound file or its bytes -> (n,) int16 at 16 kHz. Raises `Unplayable`, also below 0.1 s."""
    return decode(file).pcm()


def wav(samples: np.ndarray, rate: int) -> bytes:
    """Samples (n,), uint8 or int16, at `rate` Hz as the bytes of a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, samples.itemsize, rate, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def gather(packages: set[str], rows: list[dict], manifests: Path, sources: Path) -> None:
    """Puts `packages` and all that the rows of the manifests speak of into the folder of sources,
    as far as it is not there."""
    sources.mkdir(parents=True, exist_ok=True)
    for file in manifests.glob("*.tar"):
        if not (sources / file.stem).exists():
            with tarfile.open(file) as tar:
                tar.extractall(sources, filter="data")
    tops = {row["audio"].split("/")[0] for row in rows} | {name for name, _ in ARCHIVES.values()}
    for package in sorted(packages | (tops & set(LICENCES))):
        _fetch(package, sources)
    for folder, (package, file) in ARCHIVES.items():
        if not (sources / folder).exists():
            with zipfile.ZipFile(sources / package / file) as archive:
                archive.extractall(sources / folder)


def _fetch(package: str, sources: Path) -> None:
    """Unpacks a Debian package into sources/PACKAGE."""
    if (sources / package).exists():
        return
    with tempfile.TemporaryDirectory(dir=sources) as folder:
        subprocess.run([need("apt-get", "apt"), "download", package], cwd=folder, check=True)
        (deb,) = Path(folder).glob("*.deb")
        subprocess.run([need("dpkg"), "-x", deb, Path(folder) / "all"], check=True)
        (Path(folder) / "all").rename(sources / package)
