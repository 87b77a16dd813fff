"""Fetching and finding checkpoints. The hub is a server made here, speaking its protocol."""

import contextlib
import hashlib
import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import synthetic
from model import checkpoint, weights
from model.errors import NoWeights

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    synthetic.write(folder, synthetic.TOY | {"vocab_size": 2048}, shard_bytes=1 << 20)
    (folder / "modeling_qwen.py").write_text("raise SystemExit('remote code ran')")
    return folder


class Hub(BaseHTTPRequestHandler):
    """One repository: listing, sizes and checksums, files with ranges."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(head=True)

    def do_GET(self):
        self.answer()

    def answer(self, head=False):
        server = self.server
        server.asked.append((self.command, self.path, self.headers.get("Range")))
        if self.path.startswith("/api/"):
            self.send(200, json.dumps(self.listing()).encode(), head, {})
            return
        name = re.fullmatch(r"/Qwen/Qwen-Audio-Chat/resolve/[^/]+/([^/?]+)", self.path)[1]
        content = (server.folder / name).read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        told = {"X-Repo-Commit": SHA, "ETag": f'"{sha256}"', "Accept-Ranges": "bytes"}
        if name in server.damaged:
            content = bytes(len(content))
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            start = int(wanted[1])
            told["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(206, content[start:], head, told)
            return
        self.send(200, content, head, told, cut=server.cut.pop(name, None) if not head else None)

    def listing(self):
        siblings = []
        for file in sorted(self.server.folder.iterdir()):
            content = file.read_bytes()
            row = {"rfilename": file.name, "size": len(content), "blobId": "b" * 40}
            if file.suffix == ".safetensors":
                sha256 = hashlib.sha256(content).hexdigest()
                row["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
            siblings.append(row)
        files = [
            {"type": "file", "path": row["rfilename"], "size": row["size"], "oid": "b" * 40}
            | ({"lfs": {"oid": row["lfs"]["sha256"]} | row["lfs"]} if "lfs" in row else {})
            for row in siblings
        ]
        if "/tree/" in self.path:
            return files
        return {"id": "Qwen/Qwen-Audio-Chat", "sha": SHA, "siblings": siblings}

    def send(self, status, content, head, told, cut=None):
        self.send_response(status)
        for name, value in told.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if head:
            return
        self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(official, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.folder, server.damaged, server.cut, server.asked = official, set(), {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    from huggingface_hub import constants, hf_api

    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(hf_api.api, "endpoint", address)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    yield server
    server.shutdown()
    server.server_close()


def test_a_checkpoint_is_fetched_checked_and_found(hub, tmp_path):
    folder = weights.fetch("qwen-audio-chat", tmp_path)
    assert weights.find("qwen-audio-chat", tmp_path) == folder
    assert weights.installed(tmp_path) == ["qwen-audio-chat"]
    assert not (folder / "modeling_qwen.py").exists()
    for file in hub.folder.glob("*.safetensors"):
        assert (folder / file.name).read_bytes() == file.read_bytes()


def test_a_damaged_file_is_removed_and_fetched_alone_the_next_time(hub, tmp_path):
    bad = sorted(file.name for file in hub.folder.glob("*.safetensors"))[1]
    hub.damaged.add(bad)
    with pytest.raises(NoWeights, match=f"{bad} arrived damaged"):
        weights.fetch("qwen-audio-chat", tmp_path)
    assert not (tmp_path / "qwen-audio-chat" / bad).exists()
    hub.damaged.clear()
    hub.asked.clear()
    weights.fetch("qwen-audio-chat", tmp_path)
    fetched = {path.rpartition("/")[2] for verb, path, _ in hub.asked if verb == "GET"}
    assert {name for name in fetched if name.endswith(".safetensors")} == {bad}


def test_a_cut_connection_costs_one_file_at_most(hub, tmp_path):
    name = sorted(file.name for file in hub.folder.glob("*.safetensors"))[0]
    hub.cut[name] = 50_000
    with contextlib.suppress(NoWeights):
        weights.fetch("qwen-audio-chat", tmp_path)
    weights.fetch("qwen-audio-chat", tmp_path)
    fetched = [path.rpartition("/")[2] for verb, path, _ in hub.asked if verb == "GET"]
    counts = {file.name: fetched.count(file.name) for file in hub.folder.glob("*.safetensors")}
    assert counts.pop(name) == 2
    assert set(counts.values()) == {1}
    got = (tmp_path / "qwen-audio-chat" / name).read_bytes()
    assert got == (hub.folder / name).read_bytes()


def test_offline_is_a_sentence(monkeypatch, tmp_path, hub):
    hub.shutdown()
    hub.server_close()
    with pytest.raises(NoWeights, match="Is this machine online.*--from FOLDER"):
        weights.fetch("qwen-audio-chat", tmp_path)


def test_a_local_folder_is_copied_and_goes_on_where_it_stopped(official, tmp_path):
    told = []
    folder = weights.take(
        official, "mine", tmp_path, lambda done, total: told.append((done, total))
    )
    assert told[-1][0] == told[-1][1] > 0
    assert checkpoint.read_config(weights.find("mine", tmp_path)).chats
    file = sorted(folder.glob("*.safetensors"))[0]
    before = file.stat().st_mtime_ns
    sorted(folder.glob("*.safetensors"))[1].unlink()
    weights.take(official, "mine", tmp_path, lambda *_: None)
    assert file.stat().st_mtime_ns == before
    checkpoint.shards(folder)


def test_the_4_bit_copy_stands_beside_its_original(official, tmp_path):
    folder = weights.take(official, "mine", tmp_path, lambda *_: None)
    packed = weights.quantised_copy(folder, lambda *_: None)
    assert packed.name == "mine-4bit"
    assert checkpoint.is_prequantised(packed)


@pytest.mark.parametrize(
    "name, said",
    [
        ("qwen-audio-chat", "launch.py download qwen-audio-chat"),
        ("nonsense", "Here are: earshot-mini"),
    ],
)
def test_what_is_not_here_says_what_is(tmp_path, name, said):
    with pytest.raises(NoWeights, match=said):
        weights.find(name, tmp_path)


def test_progress_is_told_while_a_checkpoint_arrives(hub, tmp_path):
    told = []
    weights.fetch("qwen-audio-chat", tmp_path, lambda *progress: told.append(progress))
    done, total = told[-1]
    assert done == total > sum(file.stat().st_size for file in hub.folder.glob("*.safetensors"))


def test_what_other_programs_fetched_is_found(official, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    models = tmp_path / "models"
    with pytest.raises(NoWeights, match="not here yet"):
        weights.find("qwen-audio-chat", models)
    kept = tmp_path / "cache" / "models--Qwen--Qwen-Audio-Chat"
    snapshot = kept / "snapshots" / SHA
    snapshot.parent.mkdir(parents=True)
    shutil.copytree(official, snapshot)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(SHA)
    assert weights.find("qwen-audio-chat", models) == snapshot
    next(snapshot.glob("*.safetensors")).unlink()
    assert weights.cached("qwen-audio-chat") is None
    assert weights.cached("qwen-audio") is None
