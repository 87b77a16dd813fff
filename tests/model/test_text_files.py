"""Text files as Windows, PowerShell, spreadsheets and joined files have them."""

import gzip
import json

import pytest

import launch
from model import text_files
from model.evaluation import manifest
from model.text_files import BadText
from model.training import data

LINES = ['{"audio": "a.wav", "text": "na\u00efve \u6728"}', '{"audio": "b.wav", "text": "x"}']
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


def texts(file):
    return [item.text for item in manifest.read(file)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_manifest_is_read_in_any_unicode(tmp_path, encoding, end):
    file = tmp_path / "m.jsonl"
    content = (end.join(LINES) + end).encode(encoding)
    for written in (content, gzip.compress(content)):
        file.write_bytes(written)
        assert texts(file) == ["na\u00efve \u6728", "x"]
    assert text_files.decoded(content, "m").splitlines() == LINES


def test_big_endian_with_its_mark_and_joined_files(tmp_path):
    file = tmp_path / "m.jsonl"
    file.write_bytes(b"\xfe\xff" + "\r\n".join(LINES).encode("utf-16-be"))
    assert texts(file) == ["na\u00efve \u6728", "x"]
    file.write_text(f"\ufeff{LINES[0]}\n\n\ufeff{LINES[1]}\n", encoding="utf-8")
    assert texts(file) == ["na\u00efve \u6728", "x"]


@pytest.mark.parametrize("read", [manifest.read, data.read])
@pytest.mark.parametrize(
    "content, said",
    [
        ('{"audio": "a.wav", "task": "asr", "text": "é"}'.encode("latin-1"), "line 3: this is no"),
        ("木".encode("shift-jis"), "line 3: this is no"),
        (b'{"audio": "a.wav", "task": "asr", "text": null}', 'line 3: .*"text" is null'),
        (b'{"audio": "a.wav", "task": "asr", "text": true}', 'line 3: "text" is text, not true'),
        (
            b'{"audio": "a.wav", "task": "asr", "text": ["x"]}',
            'line 3: "text" is text, not ."x".',
        ),
        (b'{"audio": "a.wav", "task": "asr", "text": 7.5}', 'line 3: "text" is text, not 7.5'),
        (b'{"audio": null, "task": "asr", "text": "x"}', 'line 3: .*"audio" is null'),
        (b'{"audio": 4, "task": "asr", "text": "x"}', 'line 3: "audio" is the path'),
        (b'{"audio": "", "task": "asr", "text": "x"}', 'line 3: "audio" is the path'),
        (b'{"audio": "a\\u0000", "task": "asr", "text": "x"}', 'line 3: "audio" is the path'),
        (b'{"task": "asr", "text": "x"}', 'line 3: .*"audio" is missing'),
        (b'{"audio": "a.wav", "task": 4.5, "text": "x"}', 'line 3: "task" is text'),
        (b'{"audio": "a.wav", "task": "asr", "text": "x", "start": "1"}', '3: "start" is a number'),
        (b'{"audio": "a.wav", "task": "asr", "text": "x", "start": NaN}', "line 3: wanted"),
        (b'{"audio": "a.wav", "task": "asr", "text": "x", "duration": -1}', '3: "duration" is a'),
        (b'{"audio": "a.wav", "task": "asr", "text": "x", "language": ["en"]}', '3: "language" is'),
        (b'{"audio": "a.wav", "task": "asr", "text": "\\ud83d"}', "line 3: wanted"),
        (b'["a.wav", "x"]', "line 3: wanted a JSON object .* not ..a.wav"),
        (b"[" * 200_000, "line 3: wanted a JSON object"),
        (b"audio,text", "line 3: wanted a JSON object"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, read, content, said):
    good = b'{"audio": "a.wav", "task": "asr", "text": "x", "duration": 1}\n\n'
    (tmp_path / "m.jsonl").write_bytes(good + content + b"\n" + good)
    with pytest.raises(manifest.BadManifest, match=said):
        read(tmp_path / "m.jsonl")


@pytest.mark.parametrize(
    "more, said",
    [
        ({"clips": "b.wav"}, '"clips" is a list'),
        ({"clips": [4]}, '"clips" has 4'),
        ({"texts": "other"}, '"texts" is a list'),
        ({"texts": [None]}, '"texts" is text'),
        ({"before": {"a": 1}}, '"before" is a list'),
        ({"question": ["x"]}, '"question" is text'),
    ],
)
def test_what_else_a_question_has_is_checked(tmp_path, more, said):
    (tmp_path / "m.jsonl").write_text(json.dumps({"audio": "a.wav", "text": "x"} | more))
    with pytest.raises(manifest.BadManifest, match=f"line 1: {said}"):
        manifest.read(tmp_path / "m.jsonl")


def test_a_whole_number_is_the_digits_that_are_said(tmp_path):
    line = {"audio": "a.wav", "task": "transcribe", "text": 7, "texts": [8], "duration": 1}
    (tmp_path / "m.jsonl").write_text(json.dumps(line))
    (item,), (row,) = manifest.read(tmp_path / "m.jsonl"), data.read(tmp_path / "m.jsonl")
    assert (item.text, item.also, row.text) == ("7", ("8",), "7")


@pytest.mark.parametrize("name", ["half.gz", "cut.utf16", "folder", "absent"])
def test_a_file_that_is_none_or_damaged_is_a_sentence(tmp_path, name):
    file = tmp_path / name
    packed = gzip.compress("\n".join(LINES * 50).encode())
    if name == "folder":
        file.mkdir()
    elif name != "absent":
        file.write_bytes({"half.gz": packed[:-20], "cut.utf16": b"\xff\xfe{\0}"}[name])
    with pytest.raises(manifest.BadManifest, match=name):
        manifest.read(file)


def test_json_is_read_or_refused(tmp_path):
    file = tmp_path / "config.json"
    for encoding in ENCODINGS:
        file.write_bytes('{"a": "ü"}'.encode(encoding))
        assert text_files.read_json(file) == {"a": "ü"}
    for content in (
        b"",
        b"[]",
        b"<html>",
        b'{"a": "\xfc"}',
        b"version https://git-lfs.github",
        b"7",
    ):
        file.write_bytes(content)
        with pytest.raises(BadText, match="config.json"):
            text_files.read_json(file)


def test_both_commands_refuse_with_a_sentence(tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    file.write_bytes("é".encode("latin-1"))
    words = ["evaluate", "--model", "parrot", "--manifest", str(file)]
    assert launch.main(words) == 1
    assert "m.jsonl, line 1: this is no text" in capsys.readouterr().err
    words = ["train", "--stage", "adapt", "--data", str(file), "--out", str(tmp_path / "out")]
    assert launch.main(words) == 1
    assert "m.jsonl, line 1: this is no text" in capsys.readouterr().err
