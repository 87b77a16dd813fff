"""Many prompts answered side by side, always with the likeliest token: for evaluation. One prompt
alone (model/generate.py) judges it.

Prompts of unequal length begin together, and what is missing stands behind them: there, causal
reading never looks, so that the prompts are read without any mask. Each answer then follows in
shared columns, at positions of its own, and what stands between is masked out.
"""

from collections.abc import Callable, Collection, Sequence

import torch

from model.cache import KeyValues, shared_prefix
from model.circles import in_circles
from model.generate import embed_rest, only
from model.prompt import Prompt
from model.qwen_audio import QwenAudio
from model.windows import Window


def groups(prompts: Sequence[Prompt], alpha: Callable[[int], float]) -> list[list[int]]:
    """Indices of prompts that are read together: of one rotary widening, and none more than twice
    as long as another, so that little is read in vain."""
    found: dict[tuple, list[int]] = {}
    for i, prompt in enumerate(prompts):
        n = len(prompt)
        found.setdefault((alpha(n), (n - 1).bit_length()), []).append(i)
    return list(found.values())


@torch.inference_mode()
def answers(
    model: QwenAudio,
    prompts: Sequence[Prompt],
    hear: Callable[[Window], torch.Tensor],
    limits: Sequence[int],
    stop: Collection[int],
    banned: Collection[int] = (),
    allowed: Sequence[Callable[[Sequence[int]], Collection[int]]] = (),
) -> list[list[int]]:
    """At most `limits` token ids for each prompt, until one of `stop`, or until it turns in
    circles (model/circles.py). All prompts need the same
    rotary widening (`alpha` in model/longcontext.py). `hear` gives the span of a window, encoded
    alone, so that no row depends on another. `allowed` tells for each prompt, from its answer so
    far, which ids may come next (model/listening/quoting.py); without it any may."""
    alphas = {model.config.alpha(len(prompt)) for prompt in prompts}
    assert len(alphas) == 1, f"prompts under different rotary bases: {alphas}"
    (alpha,) = alphas
    device = model.head.weight.device
    never = torch.tensor(sorted(banned), dtype=torch.long, device=device)
    past = KeyValues(model.config.text_config.num_hidden_layers)
    past.reserve(max(map(len, prompts)) + 64)
    found: list[list[int]] = [[] for _ in prompts]
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)  # (rows,)
    logits, rows, n = _read(model, prompts, hear, past, alpha), list(range(len(prompts))), 0
    while True:
        logits[:, never] = -torch.inf
        for i, row in enumerate(rows if allowed else ()):
            logits[i] = only(allowed[row](found[row]), logits[i])
        tokens = logits.argmax(-1)  # (rows,)
        going = []
        for i, token in enumerate(tokens.tolist()):
            answer, limit = found[rows[i]], limits[rows[i]]
            if token not in stop:
                answer.append(token)
                if len(answer) < limit and not in_circles(answer):
                    going.append(i)
        if not going:
            return found
        if len(going) < len(rows):
            kept = torch.tensor(going, device=device)
            past.keep(kept)
            tokens, lengths = tokens[kept], lengths[kept]
            rows = [rows[i] for i in going]
        logits = _step(model, tokens, lengths, past, n, alpha)
        n += 1


def _read(model, prompts, hear, past: KeyValues, alpha: float) -> torch.Tensor:
    """Reads all prompts -> logits (rows, vocabulary) at the last position of each. What all begin
    with is read once."""
    shared = min(shared_prefix(prompts[0].keys, prompt.keys) for prompt in prompts)
    device = model.head.weight.device
    if shared:
        model.read(embed_rest(model, prompts[0], 0, hear)[:, :shared], alpha=alpha, past=past)
        past.keep(torch.zeros(len(prompts), dtype=torch.long, device=device))
    embeds = torch.nn.utils.rnn.pad_sequence(
        [embed_rest(model, prompt, shared, hear)[0] for prompt in prompts], batch_first=True
    )
    hidden = model.read(embeds, alpha=alpha, past=past)  # (rows, longest, width)
    last = torch.tensor([len(prompt) - 1 - shared for prompt in prompts], device=device)
    return model.head(hidden[torch.arange(len(prompts)), last]).float()


def _step(model, tokens, lengths, past: KeyValues, n: int, alpha: float) -> torch.Tensor:
    """Tokens (rows,), the n-th of each answer -> logits (rows, vocabulary) after them."""
    columns = torch.arange(len(past) + 1, device=tokens.device)
    read = columns < lengths[:, None]  # (rows, columns): of the prompt
    said = columns >= len(past) - n  # of the answer
    hidden = model.llm(
        model.embed(tokens[:, None], []),
        (lengths + n)[:, None],
        alpha=alpha,
        logn_from=model.logn_from,
        mask=(read | said)[:, None, None],
        past=past,
    )
    past.advance(1)
    return model.head(hidden[:, -1]).float()
