"""What the page says, in the languages people read: one file a language in assets/i18n/.

The server decides, for its own rendering and for the page's scripts alike: by the language that was
chosen in the settings, which is kept in a cookie, else by what the browser asks for.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "assets" / "i18n"
COOKIE = "earshot-language"
ENGLISH = "en"
REFUSAL = "refusal."  # keys of sentences that come in English from model/ and sessions/

Words = str | Mapping[str, str]  # a mapping where number matters: one, other


@dataclass(frozen=True, eq=False)
class Language:
    code: str
    strings: Mapping[str, Words]

    def say(self, key: str, **values: object) -> str:
        """The words for a key, with {names} filled in. `n` chooses between one and several."""
        words = self.strings[key]
        if not isinstance(words, str):
            words = words["one" if self._is_one(values["n"]) else "other"]
        return words.format(**values)

    def heard(self, sentence: str) -> str:
        """A refusal from below, which speaks English, in this language where it is known."""
        if self.code == ENGLISH:
            return sentence
        for key, pattern in LANGUAGES[ENGLISH].refusals.items():
            if match := pattern.fullmatch(sentence):
                told = match.groupdict()
                if "what" in told:  # a word of ours within the sentence: what a file truly is
                    told["what"] = self.heard(told["what"])
                return self.say(key, **told)
        return sentence

    @cached_property
    def on_the_page(self) -> dict[str, Words]:
        """What the page's scripts may say; refusals reach them as whole sentences."""
        return {k: v for k, v in self.strings.items() if not k.startswith(REFUSAL)}

    @cached_property
    def refusals(self) -> dict[str, re.Pattern[str]]:
        known = {k: v for k, v in self.strings.items() if k.startswith(REFUSAL)}
        return {key: _pattern(words) for key, words in known.items() if isinstance(words, str)}

    def _is_one(self, n: int) -> bool:
        return n in (0, 1) if self.code == "fr" else n == 1


def _pattern(words: str) -> re.Pattern[str]:
    """A sentence with {names} as what it may look like filled in."""
    literal = re.split(r"\{(\w+)\}", words)
    pieces = [f"(?P<{p}>.+?)" if i % 2 else re.escape(p) for i, p in enumerate(literal)]
    return re.compile("".join(pieces), re.S)


def _read(path: Path) -> Language:
    return Language(path.stem, json.loads(path.read_text(encoding="utf-8")))


LANGUAGES = {path.stem: _read(path) for path in sorted(FOLDER.glob("*.json"))}


def of(request) -> Language:
    """The language for a request, Starlette's or Gradio's."""
    chosen = request.cookies.get(COOKIE, "")
    return LANGUAGES.get(chosen) or asked_for(request.headers.get("accept-language", ""))


def asked_for(header: str) -> Language:
    """The best of ours for an Accept-Language header: de-CH, fr;q=0.8 is German."""
    wishes = []
    for wish in header.split(","):
        code, _, quality = wish.strip().partition(";q=")
        try:
            wishes.append((-float(quality or 1), code.split("-")[0].lower()))
        except ValueError:
            continue
    ours = (code for _, code in sorted(wishes, key=lambda wish: wish[0]) if code in LANGUAGES)
    return LANGUAGES[next(ours, ENGLISH)]
