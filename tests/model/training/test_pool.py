"""The command at toy size: from a manifest to a folder in which a clip's facts reach the end."""

import json

import pytest
import torch

from model import checkpoint, tokenizer
from model.placement import Placement
from model.prompt import Renderer
from model.training import data, ends, gather, pool, pooling, toy, train
from model.training.carry import Carried
from model.training.dialogues import IGNORED
from model.training.learner import Learner, hear
from model.training.plan import CannotTrain, Plan

WHOLE = Placement(torch.device("cpu"), torch.float32, 32)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A base whose words and layers are so large that they say something, and ten clips."""
    folder = tmp_path_factory.mktemp("toy")
    base, manifest = toy.make(folder)
    model = checkpoint.load(base, WHOLE)
    torch.manual_seed(1)
    for weight in model.llm.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.1)
    model.llm.embed_tokens.weight.data *= 2
    for layer in model.llm.layers:
        layer.mlp.down_proj.weight.data *= 0.1  # it changes little of what attention adds
    checkpoint.save(model, base)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    notes = [row for row in rows if row["task"] == "note"]
    few = manifest.with_name("ten.jsonl")
    few.write_text("".join(json.dumps(row) + "\n" for row in notes[:10]))
    manifest.with_name("notes.jsonl").write_text("".join(json.dumps(n) + "\n" for n in notes))
    return base, manifest, few


def begun(world):
    base = world[0]
    model = checkpoint.load(base, WHOLE).requires_grad_(False)
    renderer = Renderer(tokenizer.load(base), model.audio.n_slots_of)
    return Learner(model, hears=False).eval(), renderer


def words(world, out, *more):
    base, _, few = world
    given = [str(base), "--manifest", str(few), "--out", str(out), "--layer", "1", *more]
    return given if "--clips" in more else [*given, "--clips", "100"]


def carried_at_the_end(world, folder):
    """What the last norm is given of the carried, after the sound of each clip (clips, k); and the
    notes."""
    learner, renderer = begun((folder, *world[1:]))
    where = Carried.of(folder).where
    values, notes = [], []
    with gather.given(learner.model.llm.norm) as held:
        for made in gather.Heard(data.read(world[2]), renderer, n=60, seed=3):
            gather.loss(learner, made)
            slot = made["ids"] == learner.config.audio_pad_id
            end = int(slot.any(0).nonzero().max()) + 2
            values.append(held[0][:, end].float() @ where)
            labels = made["labels"]
            notes += [tuple(row[row != IGNORED].tolist()) for row in labels]
    return torch.cat(values), notes


def test_what_is_true_of_a_clip_reaches_the_last_layer(world, tmp_path, capsys):
    (world[0] / ends.READER).write_bytes(b"as it was")
    pool.main(words(world, tmp_path, "--layer", "0", "--louder", "1:1.5", "--free", "0"))
    said = capsys.readouterr().out
    assert said.count("nats a token") == 4 and "directions in group" in said and "note:" in said
    assert (tmp_path / ends.READER).read_bytes() == b"as it was"
    values, notes = carried_at_the_end(world, tmp_path)
    assert len(set(notes)) > 2
    centres = {note: values[[n == note for n in notes]].mean(0) for note in set(notes)}
    nearest = [min(centres, key=lambda note: (centres[note] - v).norm()) for v in values]
    right = sum(a == b for a, b in zip(nearest, notes, strict=True)) / len(notes)
    assert right > 0.9


def test_learning_leaves_what_is_carried_as_it_is(world, tmp_path):
    base, _, few = world
    pooled, out = tmp_path / "pooled", tmp_path / "out"
    pool.main(words(world, pooled, "--layer", "0", "--free", "0"))
    toy_run = {"full": True, "steps": 12, "warm_up": 2, "seconds": 6, "rate": 2e-3, "log_every": 1}
    plan = Plan(stage="sft", base=pooled, data=(few,), out=out, **toy_run)
    losses = train.run(plan, lambda line: None)
    assert losses[-1] < losses[0]
    before, after = (checkpoint.load(folder, WHOLE).llm for folder in (pooled, out))
    carried = Carried.of(out)
    assert torch.equal(carried.where, Carried.of(pooled).where)
    for name, weight in after.layers[0].named_parameters():
        torch.testing.assert_close(weight, before.layers[0].get_parameter(name))
    later, former = after.layers[1], before.layers[1]
    assert (carried.where.T @ later.mlp.down_proj.weight).abs().max() < 1e-5
    assert (later.mlp.down_proj.weight - former.mlp.down_proj.weight).abs().max() > 1e-3
    read = [
        (layer.mlp.up_proj.weight * layer.post_attention_layernorm.weight) @ carried.where
        for layer in (former, later)
    ]
    assert read[0].abs().max() < 1e-4 and read[1].abs().max() > 1e-2


def test_the_group_that_is_missed_least_is_taken(world):
    learner, renderer = begun(world)
    heard = gather.Heard(data.read(world[2]), renderer, n=10, seed=0)
    attention = learner.model.llm.layers[1].self_attn
    attention.o_proj.weight.data[:, 32:] = 0  # what the second group says is lost already
    lines = []
    (taken,) = pool.cheapest(learner, list(heard), [1], lines.append)
    costs = [float(line.split()[-4]) for line in lines]
    assert costs[1] == 0 and costs[0] != 0
    assert taken == costs.index(min(costs))


def test_answers_are_counted_whole(world):
    learner, renderer = begun(world)
    heard = gather.Heard(data.read(world[1]), renderer, n=6, seed=0)  # with transcripts
    right = gather.score(learner, heard)
    assert right["note"][0] == right["kind"][0] == sum(len(made["ids"]) for made in heard)
    assert right["transcript"][0] > 10 * right["note"][0]  # of these, tokens are counted


def test_means_are_over_the_slots_alone(world):
    learner, renderer = begun(world)
    heard = gather.Heard(data.read(world[2]), renderer, n=1, seed=0)
    means, answers = gather.means(learner, heard, 0)
    made = next(iter(heard))
    model = learner.model
    slots = hear(model, made["mels"])
    wanted = model.llm.layers[0].input_layernorm(slots).mean(1)
    torch.testing.assert_close(means, wanted.detach(), atol=0.02, rtol=0.02)
    encode = renderer.tokenizer.encode
    labels = {tuple(encode(note)) for note in toy.NOTES}
    assert {answer[:-1] for answer in answers["note"]} <= labels
    assert set(answers["transcript"]) == {None}
    places = gather.places(learner, heard, 0)
    n_real = int((made["segments"] <= 2).sum())
    assert len(places.slots) + len(places.first) + len(places.text) == n_real
    assert (made["labels"] != IGNORED).sum() < n_real


def test_a_clip_is_learned_from_or_judged_by(world):
    job = pool.Job(base=world[0], manifest=world[2], out=world[0], layer=1)
    learned, judged = pool.split(data.read(world[2]), job)
    assert len({row.clip for row in judged}) == 2
    assert not {row.clip for row in judged} & {row.clip for row in learned}
    assert len(learned) + len(judged) == 10


@pytest.mark.parametrize(
    "more, sentence",
    [
        (("--layer", "7"), "layers 0 to 1; got 7"),
        (("--layer", "0", "--louder", "2:1.5"), "layers 0 to 1; got 2"),
        (("--layer", "1", "--louder", "1:1.5"), "after --layer, which is 1"),
        (("--clips", "2"), "at least 5; got 2"),
    ],
)
def test_words_that_fit_nothing_are_refused(world, tmp_path, capsys, more, sentence):
    with pytest.raises(SystemExit) as ended:
        pool.main(words(world, tmp_path / "out", *more))
    assert ended.value.code == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_manifest_without_facts_is_refused(world, tmp_path, capsys):
    row = json.loads(world[2].read_text().splitlines()[0])
    row |= {"audio": str(world[2].parent / row["audio"]), "task": "note", "question": "Well?"}
    lines = [json.dumps(row | {"start": i / 10, "duration": 0.5}) for i in range(10)]
    (tmp_path / "none.jsonl").write_text("\n".join(lines))
    with pytest.raises(SystemExit):
        pool.main(words((world[0], None, tmp_path / "none.jsonl"), tmp_path / "out"))
    assert "tells no facts" in capsys.readouterr().err


def test_one_answer_alone_tells_nothing_apart(world, tmp_path):
    rows = [json.loads(line) for line in world[2].read_text().splitlines()]
    where = world[2].with_name("same.jsonl")
    where.write_text("".join(json.dumps(row | {"text": "C4."}) + "\n" for row in rows))
    job = pool.Job(base=world[0], manifest=where, out=tmp_path, layer=1, clips=50)
    with pytest.raises(CannotTrain, match=f"{pooling.FEWEST} clips each"):
        pool.run(job, lambda line: None)
