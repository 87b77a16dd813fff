"""Our decoder beside transformers' own, and the whole model in a batch."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from model.layers import EncoderLayer, initialise
from model.mel import log_mel
from model.qwen_audio import TextModel
from tests.model.conftest import noise, tiny_model

SIZES = {
    "vocab_size": 97,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
    "tie_word_embeddings": True,
}


@pytest.mark.parametrize("theirs", [LlamaForCausalLM, Qwen2ForCausalLM])
@torch.inference_mode()
def test_a_llama_is_our_backbone_with_biases_of_zero(theirs):
    torch.manual_seed(0)
    config = LlamaConfig if theirs is LlamaForCausalLM else Qwen2Config
    judge = theirs(config(**SIZES)).eval()
    ours = TextModel(Qwen2Config(**SIZES)).eval()
    missing, left_over = ours.load_state_dict(judge.model.state_dict(), strict=False)
    assert not left_over
    for name in missing:
        assert theirs is LlamaForCausalLM and name.endswith("_proj.bias")
        torch.nn.init.zeros_(ours.get_parameter(name))
    ids = torch.randint(97, (2, 40))
    hidden = ours(ours.embed_tokens(ids), torch.arange(40)[None])
    torch.testing.assert_close(judge.lm_head(hidden), judge(ids).logits, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_in_16_bits_an_encoder_layer_stays_within_what_they_hold():
    """The largest number is 65504; trained encoders have sums beyond it, as Whisper's do."""
    layer = EncoderLayer(tiny_model().config.audio_config).half()
    initialise(layer, 0.02)
    for sign in (1, -1):
        layer.fc2.bias.fill_(sign * 60_000)
        x = torch.full((1, 3, 64), sign * 60_000, dtype=torch.float16)
        assert torch.equal(layer(x), torch.full_like(x, sign * 64_504))
    layer.float().fc2.bias.fill_(60_000)
    assert layer(torch.full((1, 3, 64), 60_000.0)).min() > 100_000


def test_a_padded_batch_computes_what_its_rows_compute_alone():
    model = tiny_model()
    config = model.config
    clips = [noise(1.0, seed=1), noise(1.6, seed=2)]
    frames = [len(clip.samples) // 160 for clip in clips]
    mels = torch.stack([log_mel(clip.samples) for clip in clips])
    rows = []
    for n in frames:
        slots = [config.audio_pad_id] * model.audio.n_slots(n)
        rows.append([1, config.audio_start_id, *slots, config.audio_end_id, 2, 3])
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    with torch.inference_mode():
        together = model(ids, mels, frames).logits
        alone = model(torch.tensor([rows[1]]), mels[1:], frames[1:]).logits
    torch.testing.assert_close(together[1], alone[0], atol=1e-4, rtol=1e-4)


def test_the_loss_counts_only_what_is_to_be_learnt():
    model = tiny_model().requires_grad_(True)
    ids = torch.tensor([[1, 2, 3, 4, 5, 6]])
    labels = torch.tensor([[-100, -100, -100, -100, 5, 6]])
    out = model(ids, labels=labels)
    wanted = torch.nn.functional.cross_entropy(out.logits[0, 3:5], torch.tensor([5, 6]))
    torch.testing.assert_close(out.loss, wanted)
    out.loss.backward()
    assert model.llm.embed_tokens.weight.grad.abs().sum() > 0


def test_slots_and_vectors_must_agree():
    model = tiny_model()
    ids = torch.tensor([[model.config.audio_start_id, model.config.audio_end_id]])
    with pytest.raises(AssertionError, match="2 slots, 3 vectors"):
        model.embed(ids, [torch.zeros(3, 64)])
