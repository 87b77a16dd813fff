"""NVIDIA GPUs that are not here: whether one is used, in which format, and what is said of it."""

import pytest
import torch

from model import cuda, machine
from model.errors import NoRoom
from model.placement import pick_device, pick_dtype

NO_KERNELS = torch.AcceleratorError(
    "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might"
)
FULL = torch.AcceleratorError("CUDA error: out of memory")
BUSY = torch.AcceleratorError("CUDA error: all CUDA-capable devices are busy or unavailable")


@pytest.fixture
def gpus(monkeypatch):
    """Pretends that there are GPUs: for each, None or the error of its first operation."""
    tries = []

    def gpus(*errors, capability=(8, 6)):
        def try_it(device):
            tries.append(device.index)
            if errors[device.index] is not None:
                raise errors[device.index]

        for name, value in {
            "is_available": lambda: True,
            "device_count": lambda: len(errors),
            "get_device_name": lambda device=0: f"GPU {torch.device(device).index}",
            "get_device_capability": lambda device=None: capability,
            "mem_get_info": lambda device=None: (7 * 10**9, 8 * 10**9),
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)
        monkeypatch.setattr(cuda, "_try", try_it)
        return tries

    cuda._tried.cache_clear()
    yield gpus
    cuda._tried.cache_clear()


def test_a_gpu_that_computes_is_used_and_tried_once(gpus):
    tries = gpus(None)
    assert [pick_device(), pick_device("cuda"), pick_device("cuda:0")] == [
        torch.device("cuda:0"),
        torch.device("cuda"),
        torch.device("cuda:0"),
    ]
    assert tries == [0] and cuda.unusable() == []


@pytest.mark.parametrize(
    "error, reason",
    [
        (NO_KERNELS, f"PyTorch {torch.__version__} has no kernels for its compute capability 3.5"),
        (FULL, "its memory is taken up by other programs"),
        (BUSY, "CUDA error: all CUDA-capable devices are busy or unavailable"),
    ],
)
def test_a_gpu_that_cannot_compute_leaves_it_to_the_processor(gpus, error, reason):
    gpus(error, capability=(3, 5))
    assert pick_device().type == "cpu"
    assert cuda.unusable() == [f"GPU 0 cannot be used: {reason}."]
    finding = machine.graphics()
    assert finding.ok is False and reason in finding.sentence and "processor" in finding.sentence
    assert machine.fit().why == "none"
    with pytest.raises(NoRoom) as refused:
        pick_device("cuda")
    assert reason in str(refused.value) and "--device" in str(refused.value)


def test_what_lacked_memory_alone_is_tried_again(gpus):
    tries = gpus(FULL)
    assert pick_device().type == pick_device().type == "cpu"
    assert tries == [0, 0]


def test_the_first_gpu_that_works_is_used(gpus):
    gpus(NO_KERNELS, None)
    assert pick_device() == torch.device("cuda:1")
    assert machine.graphics().sentence.startswith("GPU 1 with 7.0 GB of 8.0 GB free.")
    assert "GPU 0 cannot be used" in machine.graphics().sentence


def test_a_bug_of_ours_is_not_hidden(gpus):
    gpus(TypeError("a bug"))
    with pytest.raises(TypeError):
        pick_device()


@pytest.mark.parametrize("wanted", ["cuda:7", "gpu", "cuda:x", "meta", "", "xpu"])
def test_a_device_that_is_not_here_is_refused_with_a_sentence(gpus, wanted):
    gpus(None, None)
    with pytest.raises(NoRoom, match="here|no device"):
        pick_device(wanted)


@pytest.mark.parametrize(
    "capability, dtype",
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((12, 0), torch.bfloat16)],
)
def test_emulated_bfloat16_does_not_count(gpus, monkeypatch, capability, dtype):
    gpus(None, capability=capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)  # as on a T4
    assert pick_dtype(torch.device("cuda"), small=False) == dtype
    assert ("float16" in machine.graphics().sentence) == (dtype == torch.float16)


def test_the_trial_is_real():
    cuda._try(torch.device("cpu"))


def test_prompts_of_new_lengths_do_not_wait_for_plans():
    before = torch.backends.cuda.cudnn_sdp_enabled()
    try:
        torch.backends.cuda.enable_cudnn_sdp(True)
        cuda.prepare()
        assert not torch.backends.cuda.cudnn_sdp_enabled()
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


def test_exact_float32_is_for_a_while():
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    with pytest.raises(ZeroDivisionError), cuda.exact_float32():
        assert [backend.allow_tf32 for backend in backends] == [False, False]
        raise ZeroDivisionError
    assert [backend.allow_tf32 for backend in backends] == before and before[1]
