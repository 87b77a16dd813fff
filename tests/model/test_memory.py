"""Memory that runs out in the middle of an answer: what is remembered goes, and the answer goes on;
or that answer alone fails."""

import pytest
import torch

from model import batch, generate
from model.errors import MACHINE_IS_FULL, NoRoom, is_out_of_memory
from model.messages import Sampling
from tests.model.conftest import noise, tiny_engine
from tests.model.test_reuse import DOG, user

QUESTION = [user(DOG, "what is that sound?")]
LONG = Sampling(max_tokens=12, temperature=0, repetition_penalty=5)  # of all that was said
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB.")
KINDS = [
    FULL,
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling cublasCreate(handle)"),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.1 GB, other allocations: 1 MB)"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    MemoryError(),
]


def ids(pieces):
    return [token for piece in pieces for token in piece.token_ids]


@pytest.fixture
def runs_out(monkeypatch):
    """Lets the memory run out at given steps, the first being step 0."""

    def runs_out(*steps, error=FULL):
        read, n = generate.read_chunk, iter(range(1000))

        def read_chunk(*args):
            logits = read(*args)
            if next(n) in steps:
                raise error
            return logits

        monkeypatch.setattr(generate, "read_chunk", read_chunk)

    return runs_out


@pytest.mark.parametrize("error", KINDS, ids=lambda error: str(error)[:40])
@pytest.mark.parametrize("step", [0, 1, 7])
def test_an_answer_goes_on_where_memory_ran_out(runs_out, step, error):
    whole = list(tiny_engine().reply(QUESTION, LONG))
    runs_out(step, error=error)
    engine = tiny_engine()
    pieces = list(engine.reply(QUESTION, LONG))
    assert ids(pieces) == ids(whole)
    assert "".join(p.text for p in pieces) == "".join(p.text for p in whole)
    assert (pieces[-1].finish, pieces[-1].n_prompt) == (whole[-1].finish, whole[-1].n_prompt)


def test_what_was_remembered_of_others_is_gone_by_then(engine, runs_out):
    list(engine.reply([user(noise(2, seed=5), "another one")], LONG))
    kept = engine.memories.nbytes, len(engine.sounds._kept)
    assert kept[0] > 0 and kept[1] == 1
    runs_out(3)
    list(engine.reply(QUESTION, LONG))
    assert len(engine.memories._kept) == 1, "this answer's own"
    assert len(engine.sounds._kept) == 1


def test_memory_that_runs_out_again_fails_that_answer_alone(engine, runs_out, monkeypatch):
    runs_out(2, 5)
    said = []
    with pytest.raises(NoRoom, match="This machine's memory is full"):
        said += engine.reply(QUESTION, LONG)
    assert engine.memories.nbytes == 0 and not len(engine._turns)
    monkeypatch.undo()
    assert ids(engine.reply(QUESTION, LONG)) == ids(tiny_engine().reply(QUESTION, LONG))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        torch.AcceleratorError("CUDA error: no kernel image is available for execution"),
        ValueError("out of memory"),
        NoRoom("Memory ran out: out of memory"),
        OSError(28, "No space left on device"),
    ],
)
def test_other_errors_are_no_lack_of_memory(error):
    assert not is_out_of_memory(error)


def test_a_system_that_gives_no_memory_says_so_by_number():
    assert is_out_of_memory(OSError(12, "Cannot allocate memory"))


def test_what_is_full_is_named(engine, monkeypatch):
    assert engine._full() == engine._too_small() == MACHINE_IS_FULL
    monkeypatch.setattr(type(engine), "_device", torch.device("cuda"))
    assert "memory of the GPU is full" in engine._full()
    assert "memory of the GPU is too small" in engine._too_small()


@pytest.mark.parametrize("error", KINDS, ids=lambda error: str(error)[:40])
def test_several_answers_at_once_are_given_in_halves_where_memory_ran_out(monkeypatch, error):
    whole = tiny_engine().reply_all([QUESTION, QUESTION], 6)
    engine, answers, rows = tiny_engine(), batch.answers, []

    def one_at_a_time(model, prompts, *rest):
        rows.append(len(prompts))
        if len(prompts) > 1:
            raise error
        return answers(model, prompts, *rest)

    monkeypatch.setattr(batch, "answers", one_at_a_time)
    assert engine.reply_all([QUESTION, QUESTION], 6) == whole
    assert rows == [2, 1, 1]


def test_another_error_is_no_reason_to_try_again(engine, runs_out):
    runs_out(2, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        list(engine.reply(QUESTION, LONG))
