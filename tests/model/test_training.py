"""Learning at toy size: a step lowers the loss, a stopped run goes on, what is shipped is what was
trained."""

import numpy as np
import pytest
import torch

from model import mel
from model.prompt import Renderer
from model.spec import HOP
from model.training import adapter, clips, corpus, dialogues, pretrain, warmstart
from model.training.loop import Plan, Run
from tests.model.conftest import Letters, tiny_model

LETTERS = Letters()


@pytest.fixture
def spoken(tmp_path) -> list[corpus.Spoken]:
    part, random_ = corpus.Part(tmp_path, "human-train"), np.random.default_rng(0)
    for text in ("The music came near.", "He called the words.", "Press 4!", "Wait..."):
        pcm = random_.normal(0, 3000, 16_000).astype(np.int16)
        part.add(pcm, text=text, source="noise", task="asr")
    part.close()
    return corpus.read(tmp_path, "human-train")


@pytest.fixture
def model():
    model = tiny_model(pool="stack", pool_size=4, out_norm=True).float()
    for layer in model.llm.layers:
        for proj in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
            torch.nn.init.zeros_(proj.bias)
    for part in (model.audio, model.llm):
        part.config._attn_implementation = "eager"
    return model


def renderer(model) -> Renderer:
    return Renderer(LETTERS, model.audio.n_slots_of)


def repeated(item):
    while True:
        yield item


def test_texts_are_written_and_scored_in_one_way():
    assert corpus.sentence("press 42 to EXTRACT it...") == "Press forty two to extract it."
    assert corpus.words("`It's a 30-millimetre WRENCH!'") == "it's a thirty millimetre wrench"


def test_a_batch_hears_what_the_model_hears():
    wave = np.random.default_rng(1).normal(0, 0.1, 16_077).astype(np.float32)
    whole = mel.log_mel(wave)[:, : mel.n_frames(len(wave))]
    torch.testing.assert_close(clips.log_mel(torch.from_numpy(wave)[None])[0], whole)


def test_batches_keep_their_texts(spoken):
    batch = next(clips.batches(spoken, 0, seconds=4, longest=9))
    assert batch.mels.shape == (len(batch.texts), 80, batch.mels.shape[2])
    assert batch.mels.shape[2] % clips.BUCKET == 0
    assert set(batch.texts) <= {clip.text for clip in spoken}


def test_the_warm_start_learns_and_goes_on_where_it_stopped(model, spoken, tmp_path):
    torch.manual_seed(0)
    texts = [clip.text for clip in spoken]
    words = model.llm.embed_tokens.weight.data
    vocabulary = warmstart.vocabulary_of(texts, LETTERS)
    reader = warmstart.Reader(words, vocabulary, blank=ord(" "))
    model.audio.requires_grad_(True)
    batch = next(clips.batches(spoken, 0, seconds=4, longest=9))

    def loss_of(batch):
        wanted = [warmstart.labels(text, LETTERS)[:6] for text in batch.texts]
        vectors = warmstart.hear(model, batch.mels)
        spans = [
            warmstart.likely_places(span, [1] * len(row), vectors.shape[1])
            for span, row in zip(batch.spans, wanted, strict=True)
        ]
        return warmstart.loss(reader, vectors, wanted, spans), sum(map(len, wanted))

    audio = {name: p for name, p in model.audio.named_parameters() if "boundary" not in name}
    learned = audio | {f"reader.{name}": p for name, p in reader.named_parameters()}
    rates = dict.fromkeys(learned, 1e-3)
    plan = Plan(minutes=5, steps=3, warm_up=1, workers=2)
    losses = Run(learned, rates, tmp_path).train(repeated(batch), loss_of, plan)
    assert losses[-1] < losses[0]

    before = {name: p.detach().clone() for name, p in learned.items()}
    for p in learned.values():
        torch.nn.init.zeros_(p.data)
    again = Run(learned, rates, tmp_path)
    assert again.step == 3 and again.seconds > 0
    for name, p in learned.items():
        torch.testing.assert_close(p.data, before[name])
    assert len(again.train(repeated(batch), loss_of, Plan(minutes=5, steps=4, warm_up=1))) == 1


def test_the_sampled_normaliser_is_exact_when_it_holds_every_token(model):
    torch.manual_seed(0)
    reader = warmstart.Reader(model.llm.embed_tokens.weight.data, list(range(40)), blank=50)
    vectors = torch.randn(2, 9, 64, requires_grad=True)
    wanted = [[3, 4, 4], [7]]
    ours = warmstart.loss(reader, vectors, wanted, None)
    grad = torch.autograd.grad(ours, vectors)[0]

    scaled, blank = reader(vectors)
    scores = torch.cat((blank[..., None], scaled @ reader.rows.T), -1).log_softmax(-1)
    flat = torch.tensor([token + 1 for row in wanted for token in row])
    theirs = torch.nn.functional.ctc_loss(
        scores.transpose(0, 1), flat, torch.tensor([9, 9]), torch.tensor([3, 1]), reduction="sum"
    )
    # the sampled scores are computed in bfloat16
    torch.testing.assert_close(ours, theirs, rtol=0.01, atol=0.01)
    torch.testing.assert_close(grad, torch.autograd.grad(theirs, vectors)[0], rtol=0.1, atol=0.05)


def test_the_language_model_learns_to_read_the_ear(model, spoken, tmp_path):
    torch.manual_seed(0)
    adapters = adapter.adapt(model.llm, rank=4)
    model.audio.proj.requires_grad_(True)
    learned = {name: p for name, p in model.named_parameters() if p.requires_grad}
    talk = [(dialogues.Turn("Hello!", "Hello."), True)]
    sizes = {"seconds": 4, "longest": 9}
    lesson = next(pretrain.lessons(spoken, talk, renderer(model), 0, **sizes))
    run = Run(learned, pretrain.rates(learned), tmp_path)
    plan = Plan(minutes=5, steps=3, warm_up=1)
    losses = run.train(repeated(lesson), lambda lesson: pretrain.loss(model, lesson), plan)
    assert losses[-1] < losses[0]
    assert all(layer.up.detach().any() for layer in adapters.values())


def test_reading_the_common_opening_once_changes_nothing(model, spoken):
    adapter.adapt(model.llm, rank=4)
    mels = next(clips.batches(spoken, 0, seconds=4, longest=9)).mels
    turns = [[dialogues.Turn(q, "Yes.", mels.shape[2] * HOP)] for q in ("What?", "Who is it?")]
    each = [dialogues.render(renderer(model), t) for t in turns]
    both, n = pretrain.loss(model, pretrain.Lesson(mels[:2], each, []))
    apart = [
        pretrain.loss(model, pretrain.Lesson(mels[i : i + 1], [each[i]], [])) for i in range(2)
    ]
    assert n == sum(count for _, count in apart)
    torch.testing.assert_close(both, sum(value for value, _ in apart), rtol=0.02, atol=0.02)


def test_what_is_shipped_is_what_was_trained():
    torch.manual_seed(0)
    layer = adapter.Adapted(torch.nn.Linear(128, 64, bias=False), rank=4)
    torch.nn.init.normal_(layer.up, std=0.05)
    x = torch.randn(3, 128)
    shipped = x @ adapter.through_nf4(layer.merged()).T
    before = _forward(layer, x) - shipped
    layer.renew()
    after = _forward(layer, x) - shipped
    assert after.abs().max() < 0.25 * before.abs().max()


@torch.no_grad()
def _forward(layer, x):
    with torch.autocast("cpu", torch.bfloat16):
        return layer(x).float()
