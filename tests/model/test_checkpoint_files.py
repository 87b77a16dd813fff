"""What people give as a model, each with the sentence that says what it is."""

import json
import os
import shutil
from pathlib import Path

import pytest

import launch
from app.i18n import LANGUAGES
from model import checkpoint, tokenizer, weights
from model.errors import NoWeights
from model.library import Library
from model.machine import weights as findings
from model.training import toy

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"7" * 64 + b"\nsize 9\n"
LOGIN = b"\n<!DOCTYPE html><title>Log in</title>"
ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "Qwen/Qwen-Audio-Chat"}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A checkpoint that can be read: tiny, with random weights."""
    base, _ = toy.make(tmp_path_factory.mktemp("toy"))
    return base


@pytest.fixture
def made(good, tmp_path):
    """A function that makes a copy of it with other files: None removes one."""

    def make(**files):
        folder = tmp_path / "model"
        shutil.copytree(good, folder)
        for name, content in files.items():
            path = folder / name.replace("__", ".")
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
        return folder

    return make


def trouble(folder):
    """What keeps a folder from being opened, in English and in another language."""
    with pytest.raises(NoWeights) as refused:
        path = weights.find(str(folder), Path("none"))
        checkpoint.empty(checkpoint.read_config(path))
        tokenizer.load(path)
        checkpoint.shards(path)
    sentence = str(refused.value)
    assert str(folder) in sentence or Path(folder).name in sentence, sentence
    return sentence


def translated(sentence):
    said = LANGUAGES["ja"].heard(sentence)
    assert said != sentence
    return said


@pytest.mark.parametrize("name", ["tokenizer__json", "config__json", "model__safetensors"])
@pytest.mark.parametrize(
    "content, said",
    [(POINTER, "Git LFS pointer"), (LOGIN, "web page"), (b"", "is empty"), (b"{", "is damaged")],
)
def test_a_damaged_file_is_named_with_what_it_is(made, name, content, said):
    sentence = trouble(made(**{name: content}))
    assert said in sentence and name.replace("__", ".") in sentence
    assert translated(sentence)


def test_files_with_a_byte_order_mark_or_in_utf_16_are_read(made, good):
    config = (good / "config.json").read_text().encode("utf-16")
    words = b"\xef\xbb\xbf" + (good / "tokenizer.json").read_bytes()
    folder = made(config__json=config, tokenizer__json=words)
    assert checkpoint.read_config(folder).title == "Toy"
    assert tokenizer.load(folder).encode("Hi") == tokenizer.load(good).encode("Hi")


@pytest.mark.parametrize(
    "config, said",
    [
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "of type 'llama'"),
        ({"model_type": "qwen2_audio"}, "of type 'qwen2_audio'"),
        ({"model_type": "earshot", "text_config": 7}, "is damaged"),
        ({"model_type": "earshot", "text_config": {"hidden_size": "wide"}}, "config.json"),
        ({"model_type": "earshot", "text_config": {"num_attention_heads": 0}}, "config.json"),
        ({"model_type": "qwen", "audio": {}}, "lacks"),
        ({"model_type": "qwen", "audio": [7], "vocab_size": 9}, "config.json"),
        ({}, "of type None"),
        ([], "is damaged"),
    ],
)
def test_another_family_and_nonsense_are_told_apart(made, config, said):
    folder = made(config__json=json.dumps(config).encode())
    with pytest.raises(NoWeights, match=said) as refused:
        checkpoint.empty(checkpoint.read_config(folder))
    assert translated(str(refused.value))


@pytest.mark.parametrize(
    "index", ["{}", '{"weight_map": 5}', '{"weight_map": {"a": 5}}', '{"weight_map": {}}', "["]
)
def test_a_damaged_index_is_named(made, index):
    assert "index.json" in trouble(made(**{"model__safetensors__index__json": index.encode()}))


def test_shards_that_are_not_there_are_counted(made):
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    folder = made(**{"model__safetensors__index__json": json.dumps(index).encode()})
    assert "lacks 1 of its 2 weight files (model-00002-of-00002.safetensors" in trouble(folder)


@pytest.mark.parametrize(
    "name, said", [("pytorch_model.bin", "give a checkpoint in safetensors"), ("q4.gguf", "GGUF")]
)
def test_weights_in_another_form_are_named(made, name, said):
    folder = made(model__safetensors=None)
    (folder / name).write_bytes(b"x")
    (folder / "training_args.bin").write_bytes(b"x")
    sentence = trouble(folder)
    assert f"{name} holds" in sentence and said in sentence and translated(sentence)


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("voice.gguf", b"GGUF\3\0\0\0", "in GGUF"),
        ("blob", b"GGUF\3\0\0\0", "in GGUF"),
        ("pytorch_model.bin", b"PK\3\4", "any program"),
        ("model.pt", b"\x80\2", "any program"),
        ("model.zip", b"PK\3\4", "unpack it"),
        ("model.tar.gz", b"\x1f\x8b", "unpack it"),
        ("model.safetensors", b"\x10\0\0\0", "a checkpoint is a folder"),
        ("model.safetensors", POINTER, "Git LFS pointer"),
        ("notes.txt", b"Dear diary", "is a file, and no checkpoint"),
        ("empty", b"", "is a file, and no checkpoint"),
    ],
)
def test_a_file_is_no_folder_and_its_sentence_says_which_kind(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert said in trouble(tmp_path / name)


def test_one_file_of_a_checkpoint_leads_to_its_folder(good):
    assert f"give its folder, {good}" in trouble(good / "model.safetensors")


def folder_with(path, **files):
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name.replace("__", ".")).write_text(content)
    return path


def test_folders_that_are_no_checkpoint_say_what_they_are(tmp_path, good):
    adapter = folder_with(tmp_path / "lora", adapter_config__json=json.dumps(ADAPTER))
    assert "adapter (LoRA) of Qwen/Qwen-Audio-Chat" in translated_too(trouble(adapter))
    both = folder_with(tmp_path / "tuned", adapter_config__json="{", config__json="{}")
    assert "adapter (LoRA) of another model" in translated_too(trouble(both))
    bare = folder_with(tmp_path / "bare", adapter_model__bin="x")
    assert "adapter (LoRA)" in translated_too(trouble(bare))
    assert "is empty" in translated_too(trouble(folder_with(tmp_path / "nothing")))
    llama = folder_with(tmp_path / "llama", voice__gguf="GGUF")
    assert "in GGUF" in translated_too(trouble(llama))
    other = folder_with(tmp_path / "photos", a__jpg="x")
    assert "no config.json" in translated_too(trouble(other))
    above = folder_with(tmp_path / "unpacked")
    shutil.copytree(good, above / "inner")
    assert "Give one in it: inner" in translated_too(trouble(above))
    hub = folder_with(tmp_path / "hub")
    (hub / "models--Qwen--Qwen-Audio").mkdir()
    assert "Give one in it: models--Qwen--Qwen-Audio" in translated_too(trouble(hub))


def translated_too(sentence):
    translated(sentence)
    return sentence


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "link that leads nowhere" in translated_too(trouble(tmp_path / "loop"))
    (tmp_path / "gone").symlink_to(tmp_path / "unplugged")
    assert "link that leads nowhere" in trouble(tmp_path / "gone")
    with pytest.raises(NoWeights, match="no checkpoint"):
        weights.find("x" * 5000, tmp_path)
    with pytest.raises(NoWeights, match="no checkpoint"):
        weights.find("", tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_may_not_be_read(made):
    folder = made()
    folder.chmod(0)
    assert "cannot be read: Permission denied" in trouble(folder)
    folder.chmod(0o700)


def test_a_folder_of_the_hubs_cache_is_its_current_version(tmp_path, good):
    cache = tmp_path / "models--Someone--Model"
    for name in ("0a1b", "9f9f"):
        shutil.copytree(good, cache / "snapshots" / name)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0a1b\n")
    os.utime(cache / "snapshots" / "0a1b", (1, 1))
    assert weights.find(str(cache), tmp_path).name == "0a1b"
    (cache / "refs" / "main").write_text("../../elsewhere")  # no version: the newest
    assert weights.find(str(cache), tmp_path).name == "9f9f"
    shutil.rmtree(cache / "refs")
    assert weights.find(cache.name, tmp_path).name == "9f9f"
    for version in (cache / "snapshots").iterdir():
        (version / "config.json").unlink()
    assert "the download is incomplete" in translated_too(trouble(cache))


def test_names_with_an_organisation_and_at_home(tmp_path, good, monkeypatch):
    monkeypatch.setenv("HOME", str(good.parent))
    assert weights.find("~/base", tmp_path) == good
    with pytest.raises(NoWeights, match="download qwen-audio-chat"):
        weights.find("Qwen/Qwen-Audio-Chat", tmp_path)


def test_a_tokenizer_of_another_model_is_refused(made):
    from tokenizers import Tokenizer, models

    other = Tokenizer(models.WordLevel({"<unk>": 0, "▁dog": 1}, unk_token="<unk>"))
    folder = made(tokenizer__json=other.to_str().encode())
    assert "tokenizer.json is damaged (its tokens stand for no bytes" in trouble(folder)
    plain = Tokenizer(models.BPE(vocab={"a": 0}, merges=[]))
    (folder / "tokenizer.json").write_text(plain.to_str())
    assert "knows no <|endoftext|>" in translated_too(trouble(folder))


def test_the_sheet_and_doctor_name_what_lies_among_the_models(tmp_path, good):
    models = tmp_path / "models"
    shutil.copytree(good, models / "fine")
    shutil.copytree(good, models / "words")
    (models / "words" / "tokenizer.json").write_bytes(POINTER)
    folder_with(models / "lora", adapter_config__json=json.dumps(ADAPTER))
    (models / "voice.gguf").write_bytes(b"GGUF")
    shutil.copytree(good, models / "models--A--B" / "snapshots" / "1")
    entries = {entry.name: entry.trouble for entry in Library(models).entries()[1:]}
    assert entries.pop("fine") == entries.pop("models--A--B") == entries.pop("words") == ""
    assert "LoRA" in entries["lora"] and "GGUF" in entries["voice.gguf"] and len(entries) == 2
    told = {f.sentence.split()[0]: f for f in findings(models) if f.subject == "Weights"}
    assert told["fine"].ok and told["models--A--B"].ok and told["lora"].ok is False
    assert told["words"].ok is False and "Git LFS pointer" in told["words"].sentence


@pytest.mark.parametrize("command", ["ask", "info", "download"])
def test_commands_answer_with_the_sentence(tmp_path, capsys, command):
    lora = folder_with(tmp_path / "lora", adapter_config__json=json.dumps(ADAPTER))
    words = {
        "ask": ["ask", "--model", str(lora), "x"],
        "info": ["info", "--model", str(lora)],
        "download": ["download", "mine", "--from", str(lora)],
    }
    assert launch.main([*words[command], "--data", str(tmp_path / "data")]) == 1
    assert "adapter (LoRA)" in capsys.readouterr().err
