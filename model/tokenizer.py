"""Text to token ids and back to bytes. Two vocabularies, one interface.

Typed text can form no control token: those come by id, from the renderer (`model/prompt.py`), or
by name where `allowed` lists them.
"""

import base64
import json
import re
import unicodedata
from collections.abc import Collection
from pathlib import Path

from model.checkpoint_files import damaged
from model.errors import NoWeights
from model.spec import CONTROL_TOKENS, N_RANKS, PATTERN, STRUCTURE
from model.text_files import read_json


class RanksTokenizer:
    """Qwen's: byte-pair ranks in `qwen.tiktoken`, and the control tokens of model/spec.py."""

    def __init__(self, file: Path):
        import tiktoken

        lines = file.read_bytes().splitlines()
        ranks = {base64.b64decode(word): int(rank) for word, rank in map(bytes.split, lines)}
        if len(ranks) != N_RANKS:
            raise ValueError(f"{len(ranks)} ranks, not {N_RANKS}")
        self.control = {name: N_RANKS + i for i, name in enumerate(CONTROL_TOKENS)}
        self._encoding = tiktoken.Encoding(
            "qwen", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=self.control
        )

    def encode(self, text: str, allowed: Collection[str] = ()) -> list[int]:
        """NFC-normalised text to ids; only names in `allowed` become control tokens."""
        text = unicodedata.normalize("NFC", text)
        return self._encoding.encode(text, allowed_special=set(allowed), disallowed_special=())

    def bytes_of(self, token_id: int) -> bytes:
        """What a token stands for; nothing for rows that the vocabulary leaves empty."""
        try:
            return self._encoding.decode_single_token_bytes(token_id)
        except KeyError:
            return b""


class FileTokenizer:
    """Any byte-level `tokenizer.json`; its added tokens are the control tokens."""

    def __init__(self, file: Path):
        import tokenizers

        known = read_json(file)
        for token in known.get("added_tokens") or []:
            token["special"] = True  # others would be found in any text
        self._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(known))
        self._tokenizer.encode_special_tokens = True  # typed names of control tokens stay text
        added = self._tokenizer.get_added_tokens_decoder()
        self.control = {token.content: i for i, token in added.items()}
        self._names = {i: name for name, i in self.control.items()}
        self._bytes = _byte_level()
        words = (word for word in self._tokenizer.get_vocab() if word not in self.control)
        if other := next((word for word in words if not set(word) <= self._bytes.keys()), None):
            raise ValueError(f"its tokens stand for no bytes, as {other!r}")

    def encode(self, text: str, allowed: Collection[str] = ()) -> list[int]:
        """Text to ids; only names in `allowed` become control tokens."""
        names = [re.escape(name) for name in allowed if name in self.control and name in text]
        if not names:
            return self._tokenizer.encode(text, add_special_tokens=False).ids
        ids: list[int] = []
        for i, part in enumerate(re.split(f"({'|'.join(names)})", text)):
            if i % 2:
                ids.append(self.control[part])
            else:
                ids += self._tokenizer.encode(part, add_special_tokens=False).ids
        return ids

    def bytes_of(self, token_id: int) -> bytes:
        """What a token stands for; nothing for ids beyond the vocabulary."""
        if token_id in self._names:
            return self._names[token_id].encode()
        token = self._tokenizer.id_to_token(token_id)
        return bytes(self._bytes[letter] for letter in token) if token else b""


Tokenizer = RanksTokenizer | FileTokenizer


def _byte_level() -> dict[str, int]:
    """The letter for each byte in byte-level vocabularies (GPT-2): printable bytes are themselves,
    the others follow from U+0100 in order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + i): byte for i, byte in enumerate(others)
    }


def load(folder: Path) -> Tokenizer:
    """The tokenizer of a checkpoint folder. Raises NoWeights."""
    for name, kind in (("qwen.tiktoken", RanksTokenizer), ("tokenizer.json", FileTokenizer)):
        if (folder / name).exists():
            return _read(kind, folder / name)
    raise NoWeights(
        f"{folder} holds neither qwen.tiktoken nor tokenizer.json: fetch the checkpoint again."
    )


def _read(kind: type[Tokenizer], file: Path) -> Tokenizer:
    try:
        tokens = kind(file)
    except Exception as error:  # what tokenizers raises has no name of its own
        raise NoWeights(damaged(file, error)) from error
    if lacking := [name for name in STRUCTURE if name not in tokens.control]:
        raise NoWeights(f"{file} knows no {lacking[0]}: it belongs to another model.")
    return tokens
