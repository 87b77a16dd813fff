"""What a learner computes: the same as the model it teaches, with nothing read twice."""

import random

import numpy as np
import pytest
import torch

from model.spec import AUDIO_END, AUDIO_START, END_OF_TEXT, HOP, IM_END
from model.training import batches, data, dialogues, ends, stages, toy
from model.training.dialogues import IGNORED
from model.training.facts import Facts
from model.training.learner import Learner
from model.training.plan import Plan

N = 64 * HOP  # samples of a clip here


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return toy.make(tmp_path_factory.mktemp("toy"))


def begun(world, stage: str = "pretrain", **more):
    base, manifest = world
    plan = Plan(stage=stage, base=base, data=(manifest,), out=base, steps=1, bits=32, **more)
    torch.manual_seed(0)
    learner, renderer, learning = ends.begin(plan, (), torch.device("cpu"), exact=True)
    return learner.eval(), renderer, learning


def mels(n: int) -> torch.Tensor:
    return torch.randn(n, 80, N // HOP, generator=torch.Generator().manual_seed(0))


def loss(learner, **made) -> float:
    """Summed over labels."""
    return float(learner(**made, num_items_in_batch=1)["loss"].detach())


def test_a_learners_loss_is_the_models_own(world):
    learner, renderer, _ = begun(world)
    with torch.no_grad():
        learner.new_rows += torch.randn_like(learner.new_rows) * 0.1
    rows = data.read(world[1])[:2]
    made = batches.Tags(renderer)([rows], N, None) | {"mels": mels(1)}
    alone = batches.Tags(renderer)([rows[:1]], N, None)
    mine = loss(learner, mels=mels(1), **alone)
    model = learner.settle()
    theirs = model(alone["ids"], mels(1), [N // HOP], alone["labels"]).loss
    n = int((alone["labels"] != IGNORED).sum())
    assert mine / n == pytest.approx(float(theirs.detach()), rel=1e-4)
    assert loss(learner, **made) > mine  # of two rows


def gradients(learner, made) -> tuple[dict[str, torch.Tensor], int]:
    """Of what learns; and how many bytes are kept for them."""
    kept = []
    learner.zero_grad()
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.nbytes) or t, lambda t: t
    )
    with hooks:
        total = learner(**made, num_items_in_batch=1)["loss"]
    total.backward()
    found = {n: p.grad.clone() for n, p in learner.named_parameters() if p.grad is not None}
    return found, sum(kept)


@pytest.mark.parametrize("stage, full", [("pretrain", False), ("sft", False), ("sft", True)])
def test_gradient_checkpointing_changes_no_gradient_and_keeps_little(world, stage, full):
    """Also behind an opening that is read once for all rows, and where adapters learn."""
    learner, renderer, learning = begun(world, stage, full=full)
    for name, weight in learner.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    rows = data.read(world[1])
    ask = batches.Chat(renderer) if stage == "sft" else batches.Tags(renderer)
    made = ask([rows[:1], rows[1:2]], N, np.random.default_rng(0)) | {"mels": mels(2)}
    wanted, much = gradients(learner, made)
    learner.checkpoint_gradients()
    found, little = gradients(learner, made)
    assert found.keys() == wanted.keys() == set(learning) and wanted
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-5)
    assert little < 0.7 * much


def test_questions_beside_each_other_are_as_if_alone(world):
    learner, renderer, _ = begun(world)
    rows = data.read(world[1])
    tags = batches.Tags(renderer)
    units = [tuple(rows[:2]), tuple(rows[2:3]), (rows[4], rows[7], rows[5])]
    beside = loss(learner, **tags(units, N, None), mels=mels(3))
    alone = [
        loss(learner, **tags([(row,)], N, None), mels=mels(3)[i : i + 1])
        for i, unit in enumerate(units)
        for row in unit
    ]
    assert beside == pytest.approx(sum(alone), rel=1e-5)


def test_conversations_beside_each_other_are_as_if_alone(world):
    learner, renderer, _ = begun(world, "sft")
    facts = [Facts(kind="Speech.", gender="A man.", samples=N), Facts(note="C4.", samples=N)]
    said = dialogues.beside(facts, [], random.Random(4))
    assert {len(turns) for one in said for turns in one} > {1}  # with follow-ups
    assert {turns[0].answer for turns in said[0]} == {"A man.", "Speech."}
    each = [[dialogues.render(renderer, turns) for turns in one] for one in said]
    alone = [
        loss(learner, **batches.tensors([d]), mels=mels(2)[i : i + 1])
        for i, one in enumerate(each)
        for d in one
    ]
    beside = loss(learner, **batches.side_by_side(each), mels=mels(2))
    assert beside == pytest.approx(sum(alone), rel=1e-5)


def test_reading_the_common_opening_once_changes_nothing(world):
    learner, renderer, _ = begun(world, "sft")
    turns = [[dialogues.Turn(q, "Yes.", N)] for q in ("What?", "Who is it?")]
    talk = [[dialogues.Turn("Hello!", "Hello.")], [dialogues.Turn("Hi!", "Good morning.")]]
    alike = [[dialogues.Turn("Hello!", "Hello.")], [dialogues.Turn("Hello!", "Help.")]]
    for said, sound in ((turns, {"mels": mels(2)}), (talk, {}), (alike, {})):
        each = [dialogues.render(renderer, t) for t in said]
        both = batches.tensors(each)
        apart = 0.0
        for i, d in enumerate(each):
            own = {name: value[i : i + 1] for name, value in sound.items()}
            apart += loss(learner, **batches.tensors([d]), **own)
        assert loss(learner, **both, **sound) == pytest.approx(apart, rel=1e-5)


def test_only_answers_are_learned(world):
    _, renderer, _ = begun(world)
    control = renderer.tokenizer.control
    rows = data.read(world[1])[:2]
    made = batches.Tags(renderer)([tuple(rows)], N, None)
    learned = [i for i in made["labels"][0].tolist() if i != IGNORED]
    encode = renderer.tokenizer.encode
    assert learned == [i for row in rows for i in (*encode(row.text), control[END_OF_TEXT])]

    chat = batches.Chat(renderer)
    for seed in range(20):
        made = chat([tuple(rows)] * 2, N, np.random.default_rng(seed))
        for ids, labels in zip(made["ids"].tolist(), made["labels"].tolist(), strict=True):
            assert all(b in (a, IGNORED) for a, b in zip(ids, labels, strict=True))
            learned = [i for i in labels if i != IGNORED]
            assert learned[-1] == control[IM_END]
            assert not {control[AUDIO_START], control[AUDIO_END]} & set(learned)
            assert learned.count(control[IM_END]) <= ids.count(control[IM_END]) // 2


def test_what_learns_is_what_the_stage_says(world):
    of = {stage: begun(world, stage)[2] for stage in ("warmstart", "pretrain", "sft", "joint")}
    full = begun(world, "sft", full=True)[2]
    assert all(name.startswith("model.audio.") for name in of["warmstart"])
    assert "new_rows" in of["pretrain"] and "model.audio.boundary.weight" in of["pretrain"]
    assert not any(name.startswith("model.llm") for name in of["pretrain"])
    assert all(".lora_" in name and name.startswith("model.llm.") for name in of["sft"])
    assert set(of["joint"]) == set(of["sft"]) | set(of["pretrain"]) - {"new_rows"}
    assert len(full) > 20 and all(n.startswith("model.llm.") for n in full)
    assert "model.llm.embed_tokens.weight" not in full
    last = begun(world, "pretrain", layers=1)[2]
    assert "model.audio.layers.1.fc1.weight" in last
    assert "model.audio.layers.0.fc1.weight" not in last


def test_new_things_learn_faster(world):
    learner, _, _ = begun(world)
    groups = stages.groups(learner, stages.STAGES["pretrain"], 1e-4)
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert rate[id(learner.new_rows)] == pytest.approx(1e-3)
    assert rate[id(learner.model.audio.proj.weight)] == pytest.approx(3e-4)
    assert rate[id(learner.model.audio.layers[0].fc1.weight)] == pytest.approx(1e-4)


def test_a_model_without_tags_has_no_new_rows(world):
    learner, renderer, _ = begun(world)
    tokens = renderer.tokenizer
    assert learner.first_new == min(tokens.control["<|startoftranscript|>"], learner.first_new)
    tags = {i for name, i in tokens.control.items() if i >= learner.first_new}
    assert len(tags) == len(learner.new_rows) == 310
    plain = Learner(learner.model, hears=True)
    assert not hasattr(plain, "new_rows")
