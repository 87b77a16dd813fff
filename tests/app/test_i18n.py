"""No language misses a string, and no string is outside the languages."""

import ast
import re
from pathlib import Path

import pytest

from app import chat, i18n
from app.i18n import ENGLISH, LANGUAGES, asked_for
from model import refusing
from model.errors import EarshotError
from sessions.errors import StoreError

ROOT = Path(__file__).parent.parent.parent
OTHERS = sorted(set(LANGUAGES) - {ENGLISH})
RENDERING = ("render", "history", "page", "shelf", "tools", "marks", "offers", "turning", "rooms")
PAGE = sorted(set((ROOT / "app").glob("*.py")) - {ROOT / "app" / "i18n.py"})
SCRIPTS = sorted((ROOT / "assets" / "js").glob("*.js"))
TEMPLATES = sorted((ROOT / "assets").glob("*.html"))
NAMES = {"Earshot", "0:00"}  # the same in every language
GROUPS = sorted({key.split(".")[0] for key in LANGUAGES[ENGLISH].strings if "." in key})
TRANSLATED = re.compile(r'data-t(?:-[a-z-]+)?="([^"$]+)"')
SENTENCE = re.compile(r"[A-Z][a-z]+ [a-z]+")


def forms(words):
    return [words] if isinstance(words, str) else [words["one"], words["other"]]


def placeholders(words):
    return set(re.findall(r"\{(\w+)\}", forms(words)[-1]))


def test_six_languages():
    assert set(LANGUAGES) == {"en", "zh", "es", "fr", "de", "ja"}


@pytest.mark.parametrize("code", OTHERS)
def test_no_language_misses_a_string_or_has_one_too_many(code):
    ours, theirs = LANGUAGES[code].strings, LANGUAGES[ENGLISH].strings
    assert set(ours) == set(theirs)
    for key, words in theirs.items():
        assert isinstance(ours[key], str) == isinstance(words, str), key
        assert placeholders(ours[key]) == placeholders(words), key
        assert all(form.strip() for form in forms(ours[key])), key


@pytest.mark.parametrize("code", OTHERS)
def test_hardly_a_string_is_left_in_english(code):
    same = [
        key
        for key, words in LANGUAGES[code].strings.items()
        if words == LANGUAGES[ENGLISH].strings[key]
        and len(re.findall(r"[^\W\d_]{3,}", re.sub(r"\{\w+\}", "", forms(words)[0]))) > 1
    ]
    assert same == []


def used():
    """Keys as the page's own code names them; one that ends in a dot stands for all under it."""
    for file in SCRIPTS:
        text = file.read_text()
        yield from re.findall(rf"""["']((?:{"|".join(GROUPS)})\.[a-z_.]+)["']""", text)
        yield from re.findall(r"""\bt\(["']([\w.]+)["']""", text)
        yield from re.findall(r"\bt\(`(\w+\.)\$", text)
        yield from re.findall(TRANSLATED, text)
    for file in TEMPLATES:
        yield from re.findall(TRANSLATED, file.read_text())
    for file in PAGE:
        text = file.read_text()
        yield from re.findall(r"""say\(\s*f?["']([\w.]+)(?:\{|["'])""", text)
        yield from re.findall(r"""data-t(?:-[a-z-]+)?="([^"]+)\"""", text)
        yield from re.findall(r""""((?:ended)\.\w+)\"""", text)


def test_every_string_that_is_used_exists_and_the_reverse():
    keys, known = set(used()), set(LANGUAGES[ENGLISH].strings)
    whole = {key for key in keys if not key.endswith(".")}
    assert whole - known == set()
    starts = tuple({key for key in keys if key.endswith(".")} | {i18n.REFUSAL})
    assert {key for key in known - whole if not key.startswith(starts)} == set()


def test_no_text_is_written_into_the_templates():
    for file in TEMPLATES:
        inert = r"<(svg|style|script)\b.*?</\1>|<!--.*?-->|\{\w+\}"
        html = re.sub(inert, "", file.read_text(), flags=re.S)
        texts = {text.strip() for text in re.findall(r">([^<]+)<", html)}
        assert {text for text in texts - NAMES if re.search(r"\w", text)} == set(), file
        visible = re.findall(r'(?<!-t-)\b(?:aria-label|title|placeholder|alt)="([^"]+)"', html)
        assert visible == [], file


def test_no_sentence_is_written_into_the_scripts():
    for file in SCRIPTS:
        code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", file.read_text(), flags=re.S)
        code = TRANSLATED.sub("", code)
        literals = re.findall(r'"([^"\n]*)"|\'([^\'\n]*)\'', code)
        said = [one or two for one, two in literals]
        assert [text for text in said if SENTENCE.search(text)] == [], file
        assert not re.search(
            r">[A-Z][a-z]+|(?<!-t-)(?:aria-label|title|placeholder)=\"[^$\"]", code
        ), file


@pytest.mark.parametrize("name", RENDERING)
def test_no_sentence_is_written_into_the_rendering(name):
    tree = ast.parse((ROOT / "app" / f"{name}.py").read_text())
    documented = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = list(ast.walk(tree))
    prose = {ast.get_docstring(one, clean=False) for one in nodes if isinstance(one, documented)}
    raised = [text for one in nodes if isinstance(one, ast.Raise) for text in strings(one)]
    texts = set(strings(tree)) - prose - set(raised)
    assert {text for text in texts if SENTENCE.search(re.sub("<[^>]*>?", "", text))} == set()


def strings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize(
    "header, code",
    [
        ("", "en"),
        ("de-CH,de;q=0.9,en;q=0.8", "de"),
        ("pt, fr;q=0.4, zh-TW;q=0.7", "zh"),
        ("xx;q=oops, ja", "ja"),
        ("*", "en"),
    ],
)
def test_the_browser_says_which_language(header, code):
    assert asked_for(header).code == code


def test_one_and_several():
    english, french = LANGUAGES["en"], LANGUAGES["fr"]
    assert english.say("turn.ahead", n=1) == "Waiting: 1 question is ahead"
    assert english.say("turn.ahead", n=2) == "Waiting: 2 questions are ahead"
    assert "0 question avant" in french.say("turn.ahead", n=0)


def test_refusals_from_below_are_translated_where_they_are_known():
    german = LANGUAGES["de"]
    assert german.heard(chat.OURS) != chat.OURS
    gone = "The recording {} is no longer stored: attach it again."
    assert german.heard(gone.format("hund.wav")).startswith("Die Aufnahme hund.wav ist")
    assert german.heard("Something new.") == "Something new."
    assert "{0} {x}" in german.heard(gone.format("{0} {x}"))


ENTRIES = ("app/page.py", "model/local.py", "model/library.py")  # launch.py makes the two engines


def reached(files):
    """Files with all of ours that they import, by whatever way."""
    found, left = set(), [ROOT / file for file in files]
    while left:
        file = left.pop()
        if file in found or file.name == "doctor.py":  # what it finds is no refusal
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                module = node.module.replace(".", "/")
                names = (f"{module}.py", *(f"{module}/{one.name}.py" for one in node.names))
                left += [ROOT / name for name in names if (ROOT / name).exists()]
    return sorted(file for file in found if file.parent.name in ("app", "model", "sessions"))


REFUSING = reached(ENTRIES)  # what a page can come to hear of; the command line alone says the rest
SAMPLING = ("max_tokens", "temperature", "top_p", "seed")  # whose ValueErrors the settings show


def kinds(error):
    return {error.__name__}.union(*map(kinds, error.__subclasses__()))


def sentences(file):
    """Every sentence that a file may refuse with, its values filled in with 7."""
    tree = ast.parse(file.read_text())
    named = {
        node.targets[0].id: text
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        for text in filled(node.value, {})
    }
    shown = (kinds(EarshotError) | kinds(StoreError)) - {"PortTaken", "BadPolicy"}  # no page then
    if file.name == "errors.py":  # the store's: they are chosen by a number
        yield from named.values()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = ast.unparse(node.func).split(".")[-1]
        if name in shown or name == "Remark":
            yield from filled(node.args[0], named)
        elif name == "ValueError":
            yield from (text for text in filled(node.args[0], named) if text.startswith(SAMPLING))
        elif name == "refusal":
            yield from filled(node.args[1], named)


def filled(node, named):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        pieces = [list(filled(piece, named)) or ["7"] for piece in node.values]
        yield "".join(piece[-1] for piece in pieces)
    elif isinstance(node, ast.Name) and node.id in named:
        yield named[node.id]
    elif isinstance(node, ast.IfExp):
        yield from (text for one in (node.body, node.orelse) for text in filled(one, named))


@pytest.mark.parametrize("file", REFUSING, ids=lambda file: f"{file.parent.name}.{file.stem}")
def test_every_refusal_that_a_page_can_show_is_said_in_its_language(file):
    english, german = LANGUAGES[ENGLISH].refusals, LANGUAGES["de"]
    for sentence in sentences(file):
        known = [key for key, pattern in english.items() if pattern.fullmatch(sentence)]
        assert known, sentence
        assert german.heard(sentence) != sentence
        numbers = re.compile(r"\d+")
        assert sorted(numbers.findall(german.heard(sentence))) == sorted(numbers.findall(sentence))


def test_what_a_file_truly_is_is_said_in_the_language_too():
    for what in {*refusing.CONTENTS.values(), *refusing.IMAGES.values(), "text"}:
        said = LANGUAGES["ja"].heard(f"a.wav is not sound but {what}. Give the recording itself.")
        assert "a.wav" in said and what not in said, what


def test_the_page_carries_no_refusals():
    assert not any(key.startswith(i18n.REFUSAL) for key in LANGUAGES["fr"].on_the_page)


def test_known_refusals_are_those_that_are_made():
    made = "".join(
        ast.unparse(ast.parse(file.read_text()))
        for package in ("app", "sessions", "model")
        for file in (ROOT / package).glob("*.py")
    )
    config = (ROOT / "assets" / "earshot-mini" / "config.json").read_text()
    for key in LANGUAGES[ENGLISH].refusals:
        pieces = re.split(r"\{\w+\}", LANGUAGES[ENGLISH].strings[key])
        assert max(pieces, key=len).strip(" .") in made + config, key
