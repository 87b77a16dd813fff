"""Out and in again without loss; and nothing that somebody made up gets in."""

import base64
import hashlib
import io
import json
import re
import stat
import struct
import zipfile
from html.parser import HTMLParser

import pytest

from sessions import archive, bundle, transfer
from sessions.errors import BadBundle, Gone
from sessions.records import FAILED, Unheard
from sessions.transcript import Labels
from sessions.webpage import Drawn, Looks


@pytest.fixture
def full(store, talk, keep):
    """A conversation with everything a conversation can have."""
    dog, cat = keep("dog <b>.wav", bytes(range(256)) * 9), keep("猫.wav", b"\xff\x00 meow")
    id = talk(
        (dog, "What is <this>? </script> & “that”", dog), "A dog <|0.50|>\n\n**loud**", "two", "x"
    )
    first, answer, two, _ = store.turns(id)
    store.mark_unheard(answer.id, [Unheard(dog.digest, 1.5, 2.25)])
    store.rate(answer.id, False, "It was a wolf.")
    store.rate(store.turns(id)[3].id, True)
    store.ask(id, (cat, "two, edited 狗"), after=two.parent)
    told = {"system": "Be brief.", "sampling": '{"top_p": 0.5, "seed": null}', "model": "parrot"}
    store.finish(store.begin(id, **told).id, "no", FAILED, "It was too long.")
    store.begin(id, after=first.id)
    store.choose(id, two.id)
    store.rename(id, "Dogs & <wolves>")
    store.tag(id, ["birds", "no birds"]), store.pin(id)
    store.change(id, **told, language="ja", answer_language="pt-BR")
    return id


def without_ids(whole):
    """A conversation as its document has it, in which there are no ids."""
    return bundle.document([whole])


def exported(store, ids, kind, **options):
    file = io.BytesIO()
    transfer.export(store, ids, file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["zip", "html", "json"])
@pytest.mark.parametrize("by_path", [True, False])
def test_everything_comes_back(store, other, full, talk, check, kind, by_path, tmp_path):
    both = [full, talk("a second one")]
    file = exported(store, both, kind)
    if by_path:
        (tmp_path / "file").write_bytes(file)
        file = tmp_path / "file"
    taken = transfer.take(other, file, check)
    for id, new in zip(both, taken.conversations, strict=True):
        assert without_ids(other.whole(new.id)) == without_ids(store.whole(id))
        assert [t.parts for t in other.turns(new.id)] == [t.parts for t in store.turns(id)]
    if kind == "json":
        assert set(taken.missing) == set(store.clips.digests())
        with pytest.raises(Gone):
            other.clip(taken.missing[0])
    else:
        assert taken.missing == ()
        assert sounds(other) == sounds(store) and len(sounds(store)) == 2
    assert [hit.conversation.id for hit in other.search("edited").hits] == [
        taken.conversations[0].id
    ]


def sounds(store):
    return {digest: store.clips.path(digest).read_bytes() for digest in store.clips.digests()}


def test_an_import_into_its_own_store_is_a_copy_under_new_ids(store, full, check):
    (copy,) = transfer.take(store, exported(store, [full], "zip"), check).conversations
    assert copy.id != full
    assert without_ids(store.whole(copy.id)) == without_ids(store.whole(full))
    assert not {t.id for t in store.whole(copy.id).turns} & {t.id for t in store.whole(full).turns}


def test_json_finds_sounds_that_are_here_already(store, full, check):
    assert transfer.take(store, exported(store, [full], "json"), check).missing == ()


def test_markdown_reads_well(store, full):
    looks = Looks(labels=Labels(you="Sie", clip="Ton {}"))
    text = exported(store, [full], "markdown", looks=looks).decode()
    assert text.startswith("# Dogs & <wolves>\n")
    assert "**Ton 1** dog <b>.wav (3:51)" in text and "**Ton 2** dog <b>.wav" in text
    assert "A dog [0.50 s]\n\n**loud**" in text and "*It was a wolf.*" in text
    assert text.count("## Sie") == 2 and "edited" not in text


def test_markdown_is_not_taken_back(store, full, check):
    with pytest.raises(BadBundle, match="Markdown is for reading"):
        transfer.take(store, exported(store, [full], "markdown"), check)


class Page(HTMLParser):
    """What a browser would load, and run, of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def test_the_page_reads_alone_and_loads_nothing(store, full):
    page = Page(exported(store, [full], "html").decode())
    audio = [attributes for tag, attributes in page.tags if tag == "audio"]
    assert len(audio) == 2, "each sound once, also that of the line which is not shown"
    assert all(a["src"].startswith("data:audio/flac;base64,") and "controls" in a for a in audio)
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action"):
            assert attributes.get(name, "#").startswith(("data:audio/", "#")), (tag, attributes)
    (script,) = [attributes for tag, attributes in page.tags if tag == "script"]
    assert script["type"] == "application/json"
    policies = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    assert "default-src 'none'" in policies[0] and "script-src" not in policies[0]
    assert "What is <this>? </script> & “that”" in page.text and "A dog [0.50 s]" in page.text


def test_an_answer_may_be_rendered(store, full):
    looks = Looks(words=lambda text, about: f"<em>{about.clip.name}</em>".replace("<b>", ""))
    page = exported(store, [full], "html", looks=looks).decode()
    assert page.count("<em>dog .wav</em>") == 2, "each knows the clip that its times are about"


def test_a_page_may_be_dressed_and_lets_only_its_own_script_run(store, other, full, check):
    drawn = Drawn(b"\x00\xff", b"\x89PNG")
    looks = Looks(script="document.title = 'x';", style="p { color: red }", drawn=lambda _: drawn)
    file = exported(store, [full], "html", looks=looks)
    page = Page(file.decode())
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["script-src"] == "'sha256-" + b64(looks.script) + "'"
    assert rules["style-src"] == "'sha256-" + b64(looks.style) + "'"
    assert rules["default-src"] == "'none'" and rules["media-src"] == "data:"
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    figures = [a for tag, a in page.tags if tag == "figure" and "data-wave" in a]
    assert {a["data-wave"] for a in figures} == {"data:application/octet-stream;base64,AP8="}
    assert ("img", "data:image/png;base64,iVBORw==") in [(t, a.get("src")) for t, a in page.tags]
    (copy,) = transfer.take(other, file, check).conversations
    assert without_ids(other.whole(copy.id)) == without_ids(store.whole(full))


def b64(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_a_page_with_two_documents_is_refused(store, other, full, check):
    page = exported(store, [full], "html")
    script = re.search(rb"<script type=.*?</script>", page, re.S)[0]
    with pytest.raises(BadBundle, match="no conversations"):
        transfer.take(other, page.replace(b"</body>", script + b"</body>"), check)


def test_a_page_that_a_browser_has_saved_is_taken(store, other, full, check):
    page = exported(store, [full], "html")
    page = re.sub(
        rb'<audio controls preload="none" (id="[^"]*") ', rb'<audio \1 controls="" ', page
    )
    assert b"<audio id=" in page
    assert transfer.take(other, b"\xef\xbb\xbf\r\n" + page, check).missing == ()
    assert sounds(other) == sounds(store)


def test_a_lost_sound_is_told_in_the_export(store, other, full, check):
    lost = sorted(store.clips.digests())[0]
    store.clips.remove(lost)
    assert b"no longer stored" in exported(store, [full], "html")
    assert transfer.take(other, exported(store, [full], "zip"), check).missing == (lost,)


def test_an_empty_conversation_and_none_at_all_go_out_and_in(store, other, check):
    for ids in ([store.start().id], []):
        for kind in ("zip", "html", "json"):
            taken = transfer.take(other, exported(store, ids, kind), check)
            assert len(taken.conversations) == len(ids)


# What somebody made up


def changed(store, full, change):
    given = json.loads(exported(store, [full], "json"))
    return json.dumps(change(given) or given).encode()


def setting(*path, to):
    def change(given):
        for step in path[:-1]:
            given = given[step]
        given[path[-1]] = to

    return change


C = ("conversations", 0)
T = (*C, "turns", 1)
BAD_VALUES = [
    (("kind",), "something", "no conversations of Earshot"),
    (("version",), 2, "update Earshot"),
    (("version",), "1", "version"),
    (("version",), True, "version"),
    (("conversations",), {}, "conversations"),
    (("conversations",), [None], "turns"),
    (("clips",), [], "clips"),
    (("clips",), {"../../etc/passwd": 1}, "clips"),
    ((*C, "title"), 5, "title"),
    ((*C, "title"), None, "title"),
    ((*C, "title"), "\ud800", "cannot be read"),
    ((*C, "named"), 1, "named"),
    ((*C, "pinned"), "yes", "pinned"),
    ((*C, "tags"), ["x" * 1000], "tags"),
    ((*C, "tags"), [["x"]], "tags"),
    ((*C, "sampling"), "[1]", "sampling"),
    ((*C, "sampling"), "{", "sampling"),
    ((*C, "sampling"), '{"a": {"b": 1}}', "sampling"),
    ((*C, "sampling"), '{"a": NaN}', "sampling"),
    ((*C, "sampling"), "[" * 10**5, "sampling"),
    ((*C, "language"), "<script>", "language"),
    ((*C, "created"), -1, "created"),
    ((*C, "created"), 1e300, "created"),
    ((*C, "updated"), float("nan"), "cannot be read"),
    ((*C, "leaf"), 99, "leaf"),
    ((*C, "leaf"), 1.0, "leaf"),
    ((*C, "turns"), "x", "turns"),
    ((*T, "parent"), 1, "parent"),
    ((*T, "parent"), -1, "parent"),
    ((*T, "parent"), 10**30, "parent"),
    ((*T, "role"), "system", "role"),
    ((*T, "status"), "writing", "status"),
    ((*T, "status"), [], "status"),
    ((*T, "good"), 3, "good"),
    ((*T, "note"), {}, "note"),
    ((*T, "parts"), [{}], "clip"),
    ((*T, "parts"), [{"text": 1}], "text"),
    ((*T, "parts"), [{"clip": "d" * 32, "name": "x"}], "clip"),
    ((*T, "parts"), [{"clip": ["d"], "name": "x"}], "clip"),
    ((*T, "parts"), [None], "clip"),
    ((*T, "unheard"), [["x", 0, 1]], "unheard"),
    ((*T, "unheard"), [[1]], "unheard"),
    ((*T, "unheard"), [["d" * 32, 0, "1"]], "end"),
    ((*T, "created"), None, "created"),
]


@pytest.mark.parametrize(("path", "to", "sentence"), BAD_VALUES)
def test_a_document_of_the_wrong_kind_is_refused(store, other, full, check, path, to, sentence):
    file = changed(store, full, setting(*path, to=to))
    with pytest.raises(BadBundle, match=sentence):
        transfer.take(other, file, check)
    assert other.counts().conversations == 0


@pytest.mark.parametrize("key", ["turns", "tags", "created", "leaf", "title"])
def test_a_missing_value_is_refused(store, other, full, check, key):
    with pytest.raises(BadBundle, match=key):
        transfer.take(
            other, changed(store, full, lambda g: g["conversations"][0].pop(key) and g), check
        )


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"{",
        b"{}",
        b"<html></html>",
        b'<script id="earshot-conversations">{}</script>',
        b'<script id="earshot-conversations">{}',
        b"<script" * 10**5,
        b"PK",
        b"PK\x03\x04" + b"x" * 100,
        b"PK\x05\x06" + b"\x00" * 18,
        b"\x89PNG",
        b'{"a":' + b"[" * 10**5,
        b'{"a": "\xff"}',
        b'{"a": 1' + b"0" * 10**4 + b"}",
    ],
    ids=range(14),
)
def test_what_is_no_export_is_refused(other, check, file):
    with pytest.raises(BadBundle) as refused:
        transfer.take(other, file, check)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("name", ["MOST_ITEMS", "MOST_BRACKETS", "MOST_CLIPS"])
def test_a_document_of_too_many_things_is_refused(store, other, full, check, monkeypatch, name):
    monkeypatch.setattr(bundle, name, 1)
    with pytest.raises(BadBundle, match="more (things|than 1 rec)"):
        transfer.take(other, exported(store, [full], "json"), check)


def test_ids_of_a_file_are_not_used(store, other, full, check):
    def change(given):
        given["conversations"][0] |= {"id": "evil", "number": 1, "deleted": None}
        given["conversations"][0]["turns"][0] |= {"id": 1, "conversation": "evil"}

    (new,) = transfer.take(other, changed(store, full, change), check).conversations
    assert new.id != "evil" and len(new.id) == 32


def test_a_conversation_is_whole_or_not_there(store, other, full, check, monkeypatch):
    file = exported(store, [full], "zip")
    monkeypatch.setattr("sessions.listing.put_tags", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        transfer.take(other, file, check)
    with other._reading() as db:
        assert db.execute("select count(*) from conversations").fetchone() == (0,)


# Archives


def repacked(file, change):
    """An archive with its files as `change` would have them: name → bytes, or (info, bytes)."""
    with zipfile.ZipFile(io.BytesIO(file)) as old:
        files = {name: old.read(name) for name in old.namelist()}
    change(files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in files.items():
            info, content = content if isinstance(content, tuple) else (name, content)
            new.writestr(info, content)
    return out.getvalue()


def clip_name(files):
    return next(name for name in files if name.startswith("clips/"))


def link(files):
    info = zipfile.ZipInfo(clip_name(files))
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    files[clip_name(files)] = (info, b"/etc/passwd")


def other_method(files):
    info = zipfile.ZipInfo(clip_name(files))
    info.compress_type = zipfile.ZIP_LZMA
    files[clip_name(files)] = (info, b"x")


def swap(files):
    one, two = [name for name in files if name.startswith("clips/")]
    files[one], files[two] = files[two], files[one]


BAD_ARCHIVES = {
    "slip": (lambda f: f.update({"../../evil.flac": b"x"}), "something that no export has"),
    "slip below clips": (lambda f: f.update({"clips/../evil.flac": b"x"}), "no export has"),
    "absolute": (lambda f: f.update({"/etc/cron.d/evil": b"x"}), "no export has"),
    "of Windows": (lambda f: f.update({"clips\\..\\evil": b"x"}), "no export has"),
    "program": (lambda f: f.update({"setup.exe": b"x"}), "no export has"),
    "no document": (lambda f: f.pop("conversations.json"), "is missing"),
    "link": (link, "is a link"),
    "method": (other_method, "compressed in a way"),
    "bomb": (lambda f: f.update({clip_name(f): bytes(10**7)}), "unpacks to more"),
    "document bomb": (lambda f: f.update({"conversations.json": b" " * 10**7}), "unpacks to more"),
    "swapped": (swap, "not the one it names"),
    "another sound": (lambda f: f.update({clip_name(f): b"fLaC other"}), "not the one it names"),
    "no FLAC": (lambda f: f.update({clip_name(f): b"RIFF"}), "no FLAC"),
    "stowaway": (lambda f: f.update({f"clips/{'e' * 32}.flac": b"fLaC"}), "without a turn"),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_hostile_archive_is_refused(store, other, full, check, name, tmp_path):
    change, sentence = BAD_ARCHIVES[name]
    with pytest.raises(BadBundle, match=sentence):
        transfer.take(other, repacked(exported(store, [full], "zip"), change), check)
    assert other.counts().conversations == 0
    assert not list(tmp_path.rglob("evil*")) and not list(tmp_path.rglob("*.exe"))


def test_what_the_ear_refuses_passes_through(store, other, full, check):
    file = exported(store, [full], "zip")
    file = repacked(file, lambda f: f.update({clip_name(f): b"fLaC not a sound"}))
    with pytest.raises(ValueError, match="holds no sound"):
        transfer.take(other, file, check)


def test_a_name_twice_is_refused(store, other, full, check):
    file = io.BytesIO(exported(store, [full], "zip"))
    with zipfile.ZipFile(file, "a") as both, pytest.warns(UserWarning, match="Duplicate"):
        both.writestr("conversations.json", b"{}")
    with pytest.raises(BadBundle, match="twice"):
        transfer.take(other, file.getvalue(), check)


def test_a_damaged_archive_is_refused_wherever_it_is_cut_or_changed(store, other, talk, check):
    file = exported(store, [talk("hello", "there")], "zip")
    for cut in range(4, len(file), 37):
        with pytest.raises(BadBundle):
            transfer.take(other, file[:cut], check)
    for at in [*range(0, len(file), 11), *range(file.index(b"PK\1\2"), len(file))]:
        broken = bytearray(file)
        broken[at] ^= 0xFF
        try:
            transfer.take(other, bytes(broken), check)
        except BadBundle:
            continue  # some bytes, of dates and the like, do not matter


def test_an_archive_that_states_too_long_a_list_is_refused(store, other, full, check):
    file = bytearray(exported(store, [full], "zip"))
    struct.pack_into("<L", file, len(file) - 22 + 12, archive.LARGEST_INDEX + 1)
    with pytest.raises(BadBundle, match="lists more files"):
        transfer.take(other, bytes(file), check)


def test_a_locked_archive_is_told(store, other, full, check):
    file = exported(store, [full], "zip")
    at = file.index(b"PK\x01\x02") + 8
    with pytest.raises(BadBundle, match="password"):
        transfer.take(other, file[:at] + b"\x01" + file[at + 1 :], check)


def test_what_a_mac_adds_is_overlooked(store, other, full, check):
    def change(files):
        files.update(
            {"__MACOSX/._conversations.json": b"x", "clips/.DS_Store": b"x", "clips/": b""}
        )

    assert transfer.take(other, repacked(exported(store, [full], "zip"), change), check)


def test_the_sum_of_sizes_is_bounded(store, other, full, check, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with pytest.raises(BadBundle, match="unpacks to more than"):
        transfer.take(other, exported(store, [full], "zip"), check)
    monkeypatch.setattr(bundle, "LARGEST", 100)
    for kind in ("json", "html", "zip"):
        with pytest.raises(BadBundle):
            transfer.take(other, exported(store, [full], kind), check)


# Pages


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"data:audio/flac;base64,", b"https://example.com/", "cannot be read"),
        (b'id="clip-', b'id="c-', "cannot be read"),
        (b"base64,ZkxhQw", b"base64,ZkxhQ", "cut off|not the one"),
        (b"base64,ZkxhQw", b"base64,UklGRg", "no FLAC"),
        (b"base64,ZkxhQw", b"base64,ZkxhQwAA", "not the one|cut off"),
        (b'id="earshot-conversations"', b'id="x"', "no conversations"),
        (b"</article>", b"<audio", "cannot be read"),
    ],
)
def test_a_changed_page_is_refused(store, other, full, check, old, new, sentence):
    page = exported(store, [full], "html")
    assert old in page
    with pytest.raises(BadBundle, match=sentence):
        transfer.take(other, page.replace(old, new), check)
    assert other.counts().conversations == 0


def test_a_sound_twice_is_refused(store, other, full, check):
    page = exported(store, [full], "html")
    tag = re.search(rb"<audio[^>]*>", page)[0]
    with pytest.raises(BadBundle, match="twice"):
        transfer.take(other, page.replace(b"</body>", tag + b"</body>"), check)


def test_a_page_states_the_lengths_but_the_sounds_have_them(store, other, full, check):
    file = exported(store, [full], "zip")

    def change(files):
        given = json.loads(files["conversations.json"])
        given["clips"] = dict.fromkeys(given["clips"], 99_999)
        files["conversations.json"] = json.dumps(given)

    (new,) = transfer.take(other, repacked(file, change), check).conversations
    assert other.turns(new.id)[0].clips[0].seconds == store.turns(full)[0].clips[0].seconds


def test_base64_of_a_page_is_the_sound(store, full):
    page = exported(store, [full], "html")
    found = {base64.b64decode(text) for text in re.findall(rb'base64,([A-Za-z0-9+/=]+)"', page)}
    assert found == set(sounds(store).values())


# Lies of other kinds


def zip64(file, **lies):
    """The archive with an end for large numbers, which may lie."""
    at = file.rindex(b"PK\5\6")
    count, size, start = struct.unpack_from("<HLL", file, at + 10)
    told = {"count": count, "size": size, "start": start} | lies
    large = struct.pack("<4sQHHLLQQ", b"PK\6\6", 44, 45, 45, 0, 0, told["count"], told["count"])
    large += struct.pack("<QQ", told["size"], told["start"])
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    return file[:at] + large + locator + file[at:]


@pytest.mark.parametrize(
    "lies",
    [
        {"count": 2**63},
        {"size": 2**62},
        {"size": 0},
        {"start": 2**62},
        {"start": 2**64 - 1},
    ],
    ids=str,
)
def test_an_end_for_large_numbers_may_lie(store, other, full, check, lies):
    file = exported(store, [full], "zip")
    assert transfer.take(other, zip64(file), check)
    try:
        transfer.take(other, zip64(file, **lies), check)
    except BadBundle:
        assert set(lies) != {"count"}
    else:
        assert set(lies) == {"count"}, "how many there are is not believed anyway"


def test_a_size_in_the_list_that_is_not_the_files_is_refused(store, other, full, check):
    file = exported(store, [full], "zip")
    for field, lie in ((24, 1), (24, 0xFFFF_FFFE), (20, 1), (42, 0x7FFF_FFFF)):
        for at in (found.start() for found in re.finditer(rb"PK\x01\x02", file)):
            lied = bytearray(file)
            struct.pack_into("<L", lied, at + field, lie)
            with pytest.raises(BadBundle):
                transfer.take(other, bytes(lied), check)
    assert other.counts().conversations == 0


def test_files_that_share_their_bytes_are_refused(store, other, full, check):
    """What makes a bomb of petabytes: every name leads to the same packed bytes."""
    file = exported(store, [full], "zip")
    first, second, *_ = (found.start() for found in re.finditer(rb"PK\x01\x02", file))
    (shared,) = struct.unpack_from("<L", file, first + 42)
    lied = bytearray(file)
    struct.pack_into("<L", lied, second + 42, shared)
    with pytest.raises(BadBundle):
        transfer.take(other, bytes(lied), check)


NAMES = ["/clips/x.flac", "C:\\x.flac", "\\\\host\\x", "clips/" + "a" * 31 + ".flac", "clips//x"]
NAMES += ["CONVERSATIONS.JSON", "clips/CON.flac", "clips/\u202e.flac", "./conversations.json"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_but_those_of_an_export_is_taken(store, other, full, check, name):
    file = repacked(exported(store, [full], "zip"), lambda files: files.update({name: b"x"}))
    with pytest.raises(BadBundle, match="no export has"):
        transfer.take(other, file, check)


@pytest.mark.parametrize(
    "document",
    [
        b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
        b"[" * 500_000,
        b'{"kind": "earshot-conversations", "kind": {}}',
        b'{"version": 1e999}',
        b'{"version": ' + b"9" * 10_000 + b"}",
        b'{"kind": "\\ud800"}',
        b'{"kind": -Infinity}',
        b"\xff\xfe{\0}\0",
        b"null",
        b"{}\0",
    ],
    ids=range(10),
)
def test_strange_json_is_refused_in_an_archive_too(store, other, full, check, document):
    file = repacked(
        exported(store, [full], "zip"), lambda files: files.update({"conversations.json": document})
    )
    with pytest.raises(BadBundle):
        transfer.take(other, file, check)
    assert other.counts().conversations == 0


def test_no_turn_is_its_own_ancestor(store, other, full, check):
    """Parents stand before their children in the file, so that there is no circle."""
    n = len(store.whole(full).turns)
    for place in range(n):
        for parent in range(place, n):
            lied = changed(store, full, setting(*C, "turns", place, "parent", to=parent))
            with pytest.raises(BadBundle, match="parent"):
                transfer.take(other, lied, check)


def test_a_clips_name_is_one_line_that_hides_nothing(store, other, full, check):
    name = "a\0b\r\nc\u202egnp.exe\u2029" + "x" * 500

    def change(given):
        for turn in given["conversations"][0]["turns"]:
            for part in turn["parts"]:
                if "clip" in part:
                    part["name"] = name

    (new,) = transfer.take(other, changed(store, full, change), check).conversations
    (said, *_) = (clip.name for turn in other.turns(new.id) for clip in turn.clips)
    assert said.startswith("a b  c gnp.exe ") and said.isprintable() and len(said) == 300
