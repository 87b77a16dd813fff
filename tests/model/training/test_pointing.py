"""What is known of a clip, in the direction of its vectors: which answers there are; learning."""

from dataclasses import replace

import torch

from model.training import aim, data, ends, pointing, toy, train
from model.training.facts import Facts
from model.training.learner import hear
from model.training.plan import Plan
from tests.model.conftest import Letters
from tests.model.training.test_dialogues import DRUM, NOTE, SPEECH, row

ROWS = [row("note", "C4."), row("instrument", "A violin."), row("note", "D4.", 1)]


def test_what_is_known_is_one_of_the_answers_that_there_are():
    among = pointing.answers(ROWS)
    assert among["note"] == ["C4.", "D4."] and among["instrument"] == ["A violin."]
    assert among["language"] == [] and among["kind"] == ["An instrument."]
    table = pointing.known([NOTE, SPEECH, DRUM], among)
    named = dict(zip(pointing.NAMES, table.T.tolist(), strict=True))
    assert named["note"] == [0, pointing.NONE, pointing.NONE]
    assert named["kind"] == [0, pointing.NONE, pointing.NONE]  # no other kind is among them


def test_vectors_learn_to_point_to_their_answers():
    torch.manual_seed(0)
    words = torch.randn(256, 32)
    among = {name: [] for name in pointing.NAMES} | {"family": ["Bass.", "Reeds.", "Strings."]}
    pointer = pointing.Pointer(words, among, Letters())
    facts = [Facts(family=text) for text in among["family"]] + [SPEECH]
    known = pointing.known(facts, among)
    vectors = torch.randn(4, 5, 32, requires_grad=True)
    optimiser = torch.optim.Adam([vectors], lr=0.1)
    before = vectors.detach().clone()
    for _ in range(30):
        optimiser.zero_grad()
        loss = pointer.loss(vectors, known)
        loss.backward()
        optimiser.step()
    assert loss < 0.1
    assert torch.equal(before[3], vectors[3])  # nothing is known of it
    named = torch.nn.functional.normalize(vectors[:3], dim=-1).mean(1) @ pointer.family.T
    assert named.argmax(1).tolist() == [0, 1, 2]


def test_an_ear_is_aimed_at_what_it_tells_apart(tmp_path):
    base, manifest = toy.make(tmp_path)
    aim.main([str(base), str(tmp_path / "out"), "--data", str(manifest), "--clips", "60"])
    rows = data.read(manifest)
    plan = Plan(stage="warmstart", base=base, data=(manifest,), out=tmp_path, steps=1, ctc_share=1)
    right = []
    for folder in (base, tmp_path / "out"):
        learner, renderer, _ = ends.begin(
            replace(plan, base=folder), rows, torch.device("cpu"), exact=True
        )
        batches = train.mixed(plan, rows, renderer, chats=True)
        made = batches[0]
        vectors = hear(learner.model.float(), made["mels"])
        mean = torch.nn.functional.normalize(vectors, dim=-1).mean(1)
        column = made["known"][:, pointing.NAMES.index("note")]
        best = (mean.float() @ learner.pointer.note.float().T).argmax(1)
        right.append(float((best == column)[column != pointing.NONE].float().mean()))
    assert right[1] > 0.6 and right[0] < 0.45  # of four notes, in noise, by an ear that knows none
