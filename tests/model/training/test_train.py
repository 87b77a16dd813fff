"""Whole runs at toy size, through the real Trainer: they lower the loss, stop and go on exactly,
change what they should, and leave a model that opens."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model import checkpoint
from model.local import LocalEngine
from model.messages import Clip, Message, Sampling
from model.placement import Placement
from model.training import course, curve, data, ends, toy, train
from model.training.plan import CannotTrain, Plan

ROOT = Path(__file__).parents[3]
GREEDY = Sampling(temperature=0, max_tokens=8)
WHOLE = Placement(torch.device("cpu"), torch.float32, 32)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return toy.make(tmp_path_factory.mktemp("toy"))


def plan_of(world, out: Path, stage: str = "pretrain", **more) -> Plan:
    base, manifest = world
    more = {"steps": 4, "warm_up": 2, "seconds": 5, "rate": 2e-3, "log_every": 1} | more
    return Plan(stage=stage, base=base, out=out, **{"data": (manifest,)} | more)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    model = checkpoint.load(folder, WHOLE)
    return {name: p.detach() for name, p in model.named_parameters()}


def silent(line: str) -> None:
    pass


@pytest.mark.parametrize("stage", ["pretrain", "sft", "notes"])
def test_a_stage_lowers_the_loss_and_a_stop_changes_nothing(stage, capsys):
    losses = train.try_out(stage)  # which compares a run with one that was stopped and resumed
    assert losses[-1] < losses[0]
    said = capsys.readouterr().out
    assert f"{losses[0]:.5f} at first" in said and "stopped after 9 steps" in said


@pytest.mark.parametrize("stage", ["pretrain", "sft"])
def test_only_what_should_learn_changes(world, tmp_path, stage):
    train.run(plan_of(world, tmp_path / "out", stage), silent)
    before, after = weights(world[0]), weights(tmp_path / "out")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    if stage == "sft":
        assert changed and all(name.startswith("llm.layers.") for name in changed)
        return
    assert {n for n in changed if n.startswith("llm.")} == {"llm.embed_tokens.weight"}
    assert {"audio.layers.0.fc1.weight", "audio.proj.weight", "audio.boundary.weight"} <= changed
    assert "audio.conv1.weight" not in changed
    rows = (before["llm.embed_tokens.weight"] != after["llm.embed_tokens.weight"]).any(1)
    n_new = 310  # tags; all of them learn, as what is not to be said
    assert rows[-n_new:].all() and not rows[:-n_new].any()


def test_the_stage_of_notes_leaves_the_lower_layers_and_tells_how_far_it_is(world, tmp_path):
    out = tmp_path / "out"
    train.run(plan_of(world, out, "notes", data=(), steps=3), silent)
    before, after = weights(world[0]), weights(out)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(name.startswith(("llm.layers.1.", "llm.norm.")) for name in changed)
    (line,) = map(json.loads, (out / "checks.jsonl").read_text().splitlines())
    assert line["step"] == 3 and line["unit"]["answers"] >= 10 and 0 <= line["unit"]["right"] <= 1


def test_the_stage_of_notes_makes_passages_of_what_manifests_say(world, tmp_path):
    rows, _ = train._rows(plan_of(world, tmp_path / "out", "notes"))
    assert rows and {row.task for row in rows} == {"transcribe"}
    assert train._rows(plan_of(world, tmp_path / "out", "notes", data=())) == ([], {})


def silent_arguments(plan):
    return train._arguments(plan, course.Course(1, None, warm_up=1), silent)


def test_one_process_trains_on_one_gpu(world, tmp_path):
    args = silent_arguments(plan_of(world, tmp_path))
    args._n_gpu = 2  # as on a machine with two
    assert args.n_gpu == args.train_batch_size == 1
    assert args.parallel_mode.value == "not_parallel"


@pytest.mark.parametrize("capability, mixed", [((8, 0), "bf16"), ((7, 5), "fp16")])
def test_a_gpu_trains_in_its_own_format(world, tmp_path, monkeypatch, capability, mixed):
    made = {}
    monkeypatch.setattr(train, "OneDevice", lambda **given: made.update(given))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(train.cuda, "trouble", lambda device: "")
    silent_arguments(plan_of(world, tmp_path))
    assert (made["bf16"], made["fp16"]) == (mixed == "bf16", mixed == "fp16")
    assert not made["use_cpu"] and made["dataloader_pin_memory"]


def test_a_gpu_that_cannot_compute_leaves_training_to_the_processor(world, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(train.cuda, "trouble", lambda device: "it has no kernels")
    monkeypatch.setattr(train.cuda, "name", lambda device: "GPU X")
    args = train._arguments(
        plan_of(world, tmp_path), course.Course(1, None, warm_up=1), told.append
    )
    assert args.use_cpu and args.bf16 and not args.dataloader_pin_memory
    assert told == ["GPU X cannot be used: it has no kernels. The processor learns instead."]


def test_a_resumed_run_is_the_same_or_on_a_gpu_nearly(monkeypatch):
    losses, near = [2.0, 1.5, 1.2], [2.0, 1.5, 1.21]
    assert train._alike(losses, losses) and not train._alike(near, losses)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert train._alike(near, losses)
    assert not train._alike([2.0, 1.5, 1.4], losses) and not train._alike(near[:2], losses)


def test_a_signal_saves_a_checkpoint_and_ends_politely(world, tmp_path):
    plan = plan_of(world, tmp_path, steps=50)
    told = []

    def tell(line: str) -> None:
        told.append(line)
        if line.startswith("step 2"):
            os.kill(os.getpid(), signal.SIGTERM)

    handler = signal.getsignal(signal.SIGTERM)
    losses = train.run(plan, tell)
    assert signal.getsignal(signal.SIGTERM) == handler
    assert len(losses) == 3 and told[-1].startswith("Stopped at step 3.")
    assert not (tmp_path / "config.json").exists()  # no model yet
    kept = {file.name for file in (tmp_path / "checkpoint-3").iterdir()}
    assert {"model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"} <= kept
    assert (tmp_path / "loss.svg").read_text().startswith("<svg")
    assert [line["step"] for line in curve.read(tmp_path / "loss.jsonl")] == [1, 2, 3]
    with pytest.raises(CannotTrain, match="--resume"):
        train.run(plan, silent)


def test_gradient_checkpointing_trains_alike(world, tmp_path):
    plans = (
        plan_of(world, tmp_path / str(on), "joint", steps=3, gradient_checkpointing=on)
        for on in (False, True)
    )
    one, other = (train.run(plan, silent) for plan in plans)
    assert one == pytest.approx(other, rel=1e-5) and len(one) >= 1


def test_a_checkpoint_holds_what_learns_alone(world, tmp_path):
    from safetensors.torch import load_file

    train.run(plan_of(world, tmp_path, "sft", steps=1, rank=4), silent)
    held = load_file(tmp_path / "checkpoint-1" / "model.safetensors")
    assert held and all(".lora_" in name for name in held)


def test_a_run_of_minutes_ends_by_the_clock(world, tmp_path, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr("model.training.trainer.time.monotonic", lambda: 3.0 * next(clock))
    losses = train.run(plan_of(world, tmp_path, steps=None, minutes=0.5), silent)
    assert 8 <= len(losses) <= 12  # steps of three seconds
    assert (tmp_path / "config.json").exists()


def answer(folder: Path, clip: Clip) -> str:
    engine = LocalEngine.open(folder)
    pieces = engine.reply([Message("user", (clip, "Which note is played?"))], GREEDY)
    return "".join(piece.text for piece in pieces)


def test_adapting_in_4_bits_changes_the_answers_of_the_model_that_is_saved(world, tmp_path):
    base, manifest = world
    train.run(plan_of(world, tmp_path / "out", "adapt", steps=8, bits=4, rate=2e-2), silent)
    assert checkpoint.is_prequantised(tmp_path / "out")
    clip = Clip.of(data.whole(manifest.parent / "tones.wav")[:12_000])
    assert answer(base, clip) != answer(tmp_path / "out", clip)


def test_the_length_of_adapting_follows_the_recordings(world):
    rows = data.read(world[1])
    plan = plan_of(world, Path("out"), "adapt", steps=None)
    settled = train.settled(plan, rows)
    assert settled.steps >= 60 and settled.rate == 2e-3 and settled.bits == 32
    with pytest.raises(CannotTrain, match="--minutes"):
        plan_of(world, Path("out"), "sft", steps=None)
    with pytest.raises(CannotTrain, match="4 bits"):
        plan_of(world, Path("out"), "pretrain", bits=4)


def test_two_processes_share_the_batches(world, tmp_path):
    words = [*"-m accelerate.commands.launch --multi_gpu --num_processes 2".split()]
    words += "--num_machines 1 --mixed_precision no --dynamo_backend no".split()
    words += "launch.py train --stage pretrain --steps 2 --seconds-per-batch 4".split()
    words += ["--base", str(world[0]), "--data", str(world[1]), "--out", str(tmp_path)]
    words += ["--log-every", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "EARSHOT_DATA": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("step 1,") == 1  # one of them speaks
    alone = train.run(plan_of(world, tmp_path / "b", steps=2, accumulate=2, seconds=4), silent)
    both = [line["loss"] for line in curve.read(tmp_path / "loss.jsonl")]
    assert both[0] == pytest.approx(alone[0], rel=1e-3)  # the same two batches in a step
    assert json.loads((tmp_path / "plan.json").read_text())["steps"] == 2
    assert ends.READER not in os.listdir(tmp_path) and course.ENDLESS > 10**9


def test_an_ear_goes_on_reading_and_learns_new_words(world, tmp_path):
    manifest = toy.write_clips(tmp_path / "said", said="Abba.")
    reads = {"steps": 6, "ctc_share": 1.0, "hinted": 24}
    train.run(plan_of((world[0], manifest), tmp_path / "a", "warmstart", **reads), silent)
    kept = load_file(tmp_path / "a" / ends.READER)
    plan = plan_of((tmp_path / "a", manifest), tmp_path / "b", "warmstart", **reads)
    reader = ends.begin(plan, ["quiz"], torch.device("cpu"))[0].reader
    assert set(kept["vocabulary"].tolist()) < set(reader.vocabulary.tolist())
    assert torch.equal(reader.blank, kept["blank"])


def test_the_model_of_a_checkpoint_is_that_of_its_run(world, tmp_path):
    train.run(plan_of(world, tmp_path / "run", "sft", steps=2), silent)
    ends.main([str(tmp_path / "run"), str(tmp_path / "out")])
    one, other = weights(tmp_path / "run"), weights(tmp_path / "out")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_resumed_run_may_be_longer(world, tmp_path):
    plan = plan_of(world, tmp_path, steps=2)
    train.run(plan, silent)
    losses = train.run(replace(plan, steps=3, resume=True), silent)
    assert len(losses) == 3
