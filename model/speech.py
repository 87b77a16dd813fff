"""How likely it is that someone speaks, 31 times a second: silero-vad's weights, run on one core.

Where an utterance begins and ends is decided from that in app/utterance.py. The package silero-vad
imports torch to wrap its weights; here they are run by onnxruntime, without it.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from model.errors import EarshotError
from model.spec import SAMPLE_RATE

FRAME = 512  # samples that are judged at once: 32 ms
CONTEXT = 64  # samples of the frame before that the network sees too
STATE = (2, 1, 128)  # of its recurrent layer
WEIGHTS = "data/silero_vad.onnx"  # half the time of the 16 kHz file: 0.07 ms a frame
MISSING = (
    "What finds the end of speech is missing: pip install silero-vad onnxruntime. Until then, "
    "begin and end by a key."
)


class NoEar(EarshotError):
    """The packages that find speech are not installed."""


class Speech:
    """One listener to one live sound: it remembers what it has heard."""

    def __init__(self):
        self._network = _network()
        self._rate = np.array(SAMPLE_RATE, np.int64)
        self.forget()

    def forget(self) -> None:
        self._state = np.zeros(STATE, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._context = np.zeros(CONTEXT, np.float32)

    def hear(self, samples: np.ndarray) -> list[float]:
        """(n,) float32 at 16 kHz, following what was heard before -> for each frame that is now
        whole the probability that it holds speech."""
        sound = np.concatenate([self._rest, samples])
        n = len(sound) // FRAME
        self._rest = sound[n * FRAME :]
        return [self._judge(sound[i * FRAME : (i + 1) * FRAME]) for i in range(n)]

    def _judge(self, frame: np.ndarray) -> float:
        seen = np.concatenate([self._context, frame])
        given = {"input": seen[None], "state": self._state, "sr": self._rate}
        found, self._state = self._network.run(None, given)
        self._context = frame[-CONTEXT:]
        return float(found[0, 0])


def _network():
    """The weights as they come in the wheel, on one core: a frame is too little work to share."""
    try:
        import onnxruntime

        package = find_spec("silero_vad")  # found, not imported
    except ImportError:
        package = None
    if package is None:
        raise NoEar(MISSING)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = Path(package.origin).parent / WEIGHTS
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
