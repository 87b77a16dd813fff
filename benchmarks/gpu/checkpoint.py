"""Writes the checkpoint of the published shape, with random weights, that other steps load."""

from benchmarks import synthetic
from benchmarks.gpu.measuring import gb
from benchmarks.gpu.processes import Parts
from benchmarks.gpu.setting import Setting


def run(parts: Parts, setting: Setting) -> None:
    parts.run("write", _write, setting, seconds=300)


def _write(setting: Setting) -> dict:
    n = synthetic.write(setting.official, setting.sizes)
    return {"weights": n, "gb": gb(sum(f.stat().st_size for f in setting.official.iterdir()))}
