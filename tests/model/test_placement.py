"""What runs where on GPUs of all sizes: arithmetic on the published shape, and a small model whose
embedding lies apart."""

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks import synthetic
from model import checkpoint, machine, placement, weights
from model.embedding import CpuEmbedding
from model.errors import NoRoom
from model.messages import Sampling
from model.placement import Placement, place, place_to_pack
from tests.model.conftest import tiny_engine
from tests.model.test_reuse import DOG, user

GPU, CPU = torch.device("cuda:0"), torch.device("cpu")
WHOLE = checkpoint.count_weights(checkpoint._translate(synthetic.official_config(synthetic.FULL)))
IN_HALF = Placement(GPU, torch.bfloat16, 16)
GREEDY = Sampling(max_tokens=8, temperature=0)


@pytest.fixture
def gpu(monkeypatch):
    """Pretends that there is a GPU with so many bytes free, and this much memory beside it."""

    def gpu(free, of_the_processor=32e9):
        found = {"cuda": free, "cpu": of_the_processor}
        monkeypatch.setattr(placement, "free_bytes", lambda device: found[device.type])
        monkeypatch.setattr(placement.cuda, "has_bf16", lambda device: True)
        monkeypatch.setattr(
            placement, "pick_device", lambda wanted="auto": CPU if wanted == "cpu" else GPU
        )

    return gpu


@pytest.mark.parametrize(
    "free, head, embedding",
    [
        (23e9, False, False),  # of 24 GB
        (8.4e9, False, False),  # of 10 GB
        (8.0e9, True, False),  # of 8 GB, with no screen on it
        (7.0e9, True, True),  # of 8 GB, with a screen
        (machine.BIG + 1e8, True, True),
    ],
)
def test_a_card_holds_what_it_can(gpu, free, head, embedding):
    gpu(free)
    where = place(WHOLE)
    assert (where.bits, where.quantise_head, where.embedding_on_cpu) == (4, head, embedding)
    assert where.bytes_on_device(WHOLE) + where.bytes_working(WHOLE) < free
    assert (where.chunk == 512) == embedding
    assert len(where.remarks) == head + embedding


def test_the_catalogue_asks_for_what_the_smallest_placement_needs(gpu):
    least = Placement(GPU, torch.bfloat16, 4, True, embedding_on_cpu=True)
    needed = least.bytes_on_device(WHOLE) + least.bytes_working(WHOLE)
    assert needed < machine.BIG < needed + 0.1e9
    gpu(needed - 1)
    with pytest.raises(NoRoom, match=r"take about 5\.8 GB in 4 bits and 5\.8 GB are free on cuda"):
        place(WHOLE)


@pytest.mark.parametrize("bits", [8, 16])
def test_more_bits_than_fit_are_refused(gpu, bits):
    gpu(7e9)
    with pytest.raises(NoRoom, match=f"in {bits} bits.* Use --bits 4"):
        place(WHOLE, bits=bits)


def test_a_tied_embedding_never_lies_apart(gpu):
    tied = replace(WHOLE, head=0, embedding=0)
    gpu(4e9)
    with pytest.raises(NoRoom):
        place(tied, bits=4)


def peak(where: Placement) -> int:
    """Bytes on the GPU at most while the official weights are read, each weight in 16 bits beside
    what has been made of the ones before it, and of itself."""
    held = most = 0
    shapes = synthetic.official_shapes(synthetic.FULL)
    by_size = sorted(shapes, key=lambda name: (torch.Size(shapes[name]).numel(), name))
    for name in reversed(by_size):  # as checkpoint._tensors does
        n, ours = torch.Size(shapes[name]).numel(), checkpoint.rename(name)
        if where.device_of(ours).type == "cpu":
            continue
        linear = ours.startswith("llm.layers.") and len(shapes[name]) == 2
        if linear or (ours == "head.weight" and where.quantise_head):
            most = max(most, held + 2 * n + n // 2 + 4 * n // 64)  # scales not yet packed
            held += int(n * 0.52)
        else:
            held += 2 * n
            most = max(most, held)
    assert held == pytest.approx(where.bytes_on_device(WHOLE), rel=0.01)
    return most


@pytest.mark.parametrize("free, most", [(23e9, 7.5e9), (8.0e9, 6.4e9), (7.0e9, 5.1e9)])
def test_loading_takes_little_more_than_what_is_loaded(gpu, free, most):
    gpu(free)
    assert peak(place(WHOLE)) <= most <= min(free, 7.5e9)


@pytest.mark.parametrize(
    "free, beside, device", [(6.5e9, 16e9, "cuda"), (5e9, 16e9, "cpu"), (4e9, 5e9, None)]
)
def test_weights_are_packed_where_there_is_room(gpu, free, beside, device):
    gpu(free, beside)
    if device is None:
        with pytest.raises(NoRoom, match=r"takes about 7\.\d GB of memory and 5\.0 GB are free"):
            place_to_pack(WHOLE)
        return
    where = place_to_pack(WHOLE)
    assert (where.device.type, where.bits, where.quantise_head) == (device, 4, False)


@pytest.mark.parametrize("free, device", [(2.6e9, "cpu"), (2.8e9, "cuda")])
def test_packing_needs_room_for_the_largest_weight_and_its_copy(gpu, free, device):
    gpu(free)
    many_tokens = placement.Counts(text=10**8, head=6 * 10**8, other=6 * 10**8, embedding=6 * 10**8)
    assert place_to_pack(many_tokens).device.type == device


def test_download_asks_for_room_before_it_packs(gpu, tmp_path):
    synthetic.write(tmp_path / "a", synthetic.TOY)
    gpu(0, 0)
    with pytest.raises(NoRoom, match="Bringing these weights into 4 bits"):
        weights.quantised_copy(tmp_path / "a", lambda done, total: None)
    assert not (tmp_path / "a-4bit").exists()


def apart(model):
    """The same model with its embedding kept apart."""
    table = CpuEmbedding(*model.llm.embed_tokens.weight.shape, device="meta")
    table.weight = model.llm.embed_tokens.weight
    model.llm.embed_tokens = table
    return model


def test_answers_are_the_same_with_the_embedding_apart():
    engine, other = tiny_engine(), tiny_engine()
    apart(other.model)
    said = [list(one.reply([user(DOG, "what is it?")], GREEDY)) for one in (engine, other)]
    assert [p.token_ids for p in said[0]] == [p.token_ids for p in said[1]]


def test_a_checkpoint_is_loaded_with_its_embedding_apart(tmp_path):
    synthetic.write(tmp_path, synthetic.TOY)
    where = Placement(CPU, torch.float32, 4, quantise_head=True, embedding_on_cpu=True)
    model = checkpoint.load(tmp_path, where)
    assert type(model.llm.embed_tokens) is CpuEmbedding
    ids = torch.tensor([[5, 7]])
    plain = checkpoint.load(tmp_path, replace(where, embedding_on_cpu=False))
    assert torch.equal(model.embed(ids, []), plain.embed(ids, []))
    gpu_alone = Placement(torch.device("meta"), torch.bfloat16, 16, embedding_on_cpu=True)
    devices = {n: p.device.type for n, p in checkpoint.load(tmp_path, gpu_alone).named_parameters()}
    assert {n for n, device in devices.items() if device == "cpu"} == {"llm.embed_tokens.weight"}


def test_rows_of_an_embedding_go_to_where_the_ids_are():
    with FakeTensorMode():  # tensors without content, on devices that need not exist
        table = CpuEmbedding(300, 64).requires_grad_(False)
        rows = table(torch.empty(1, 40, dtype=torch.long, device=GPU))
        assert (rows.device, tuple(rows.shape), table.weight.device) == (GPU, (1, 40, 64), CPU)
