"""The vocabulary of Whisper's decoder: its control tokens by name, what it must not write, and
words out of tokens. Knows no network.

Source: Whisper, arXiv 2212.04356, section 2.3.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from model.checkpoint_files import damaged
from model.errors import NoWeights
from model.tokenizer import FileTokenizer

UNSPACED = {"zh", "ja", "th", "lo", "my", "yue"}  # languages without spaces between words
_NO_SPEECH = ("<|nospeech|>", "<|nocaptions|>")  # of newer and older tokenizers
# signs that annotate ("[Music]", "♪") and are not spoken; hyphen and apostrophe only as words
_SIGNS = frozenset("\"#()*+/:;<=>@[\\]^_`{|}~「」『』♩♪♫♬♭♮♯-'")
_NOTE = "♪".encode()[:2]  # the bytes with which signs of music begin: often a token of their own
_BEFORE = "\"'“¿([{-«‹„"  # punctuation that belongs to the word after it
_AFTER = "\"'.。,，!！?？:：”)]}、…»›"  # and to the word before it


class SpeechTokens:
    """What is known of a vocabulary (a `tokenizer.json` with Whisper's control tokens)."""

    def __init__(self, file: Path):
        """Raises NoWeights."""
        try:
            self._tokens = FileTokenizer(file)
            control = self._tokens.control
            self.begin, self.end = control["<|startoftranscript|>"], control["<|endoftext|>"]
            self.transcribe, self.translate = control["<|transcribe|>"], control["<|translate|>"]
            self.without_times = control["<|notimestamps|>"]
            self.no_speech = next(control[name] for name in _NO_SPEECH if name in control)
        except (KeyError, StopIteration) as error:
            raise NoWeights(f"{file} knows no {error}: it belongs to another model.") from None
        except Exception as error:  # what tokenizers raises has no name of its own
            raise NoWeights(damaged(file, error)) from error
        between = range(self.begin + 1, min(self.transcribe, self.translate))
        self.languages = {
            name.strip("<|>"): i for name, i in sorted(control.items()) if i in between
        }

    @cached_property
    def unspoken(self) -> list[int]:
        """Ids below those of control tokens that a transcript never has."""
        found = []
        for i in range(self.end):
            word = self._tokens.bytes_of(i)
            bare = word.decode(errors="replace").strip()
            signs = bool(bare) and set(bare) <= _SIGNS and word not in (b"-", b"'")
            if signs or word.strip().startswith(_NOTE):
                found.append(i)
        return found

    @cached_property
    def blank(self) -> list[int]:
        """Ids that no transcript begins with: a space alone, and its end."""
        return [*self._tokens.encode(" "), self.end]

    def text(self, ids: Sequence[int]) -> str:
        """What ids stand for; control tokens are left out."""
        whole = b"".join(self._tokens.bytes_of(i) for i in ids if i < self.end)
        return whole.decode(errors="replace")

    def words(self, ids: Sequence[int], language: str) -> list[tuple[str, int]]:
        """The words of a text, and how many ids each of them takes, in order. Punctuation stands
        with its word; where a language has no spaces, a word is a character."""
        letters = self._letters([i for i in ids if i < self.end])
        words: list[tuple[str, int]] = []
        for text, n in letters:
            begins = language in UNSPACED or text[:1].isspace()
            bare = text.strip()
            joined = words and (_is_of(bare, _AFTER) or _is_of(words[-1][0].strip(), _BEFORE))
            if words and (joined or not begins):
                words[-1] = (words[-1][0] + text, words[-1][1] + n)
            else:
                words.append((text, n))
        return words

    def _letters(self, ids: Sequence[int]) -> list[tuple[str, int]]:
        """Texts of as few ids as make whole characters; what becomes none stands at the end."""
        parts, waiting, n = [], b"", 0
        for i in ids:
            waiting, n = waiting + self._tokens.bytes_of(i), n + 1
            try:
                parts.append((waiting.decode(), n))
            except UnicodeDecodeError:
                continue
            waiting, n = b"", 0
        return [*parts, (waiting.decode(errors="replace"), n)] if n else parts


def _is_of(text: str, signs: str) -> bool:
    return bool(text) and set(text) <= set(signs)
