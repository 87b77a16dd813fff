"""Imports point one way, and nothing prints but the command line."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "app": {"app", "model", "sessions"},
    "model": {"model"},
    "sessions": {"sessions"},
}
KEPT_OUT = {
    "app": {"torch", "transformers", "sqlite3", "sqlite_utils"},
    "model": {"gradio", "sqlite3", "sqlite_utils"},
    "sessions": {"gradio", "torch", "transformers", "numpy"},
}
FREE_OF_GRADIO = ["app/chat.py", "app/talks.py", "app/render.py"]


def files(package):
    return sorted((ROOT / package).rglob("*.py"))


def imported(file):
    """The first name of every import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports say their whole name"
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package):
    ours = set(MAY_IMPORT) | {"launch", "benchmarks", "tests"}
    for file in files(package):
        used = set(imported(file))
        assert used & ours <= MAY_IMPORT[package], file
        assert not used & KEPT_OUT[package], file


@pytest.mark.parametrize("name", FREE_OF_GRADIO)
def test_what_is_said_knows_no_page(name):
    assert "gradio" not in set(imported(ROOT / name))


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_importing_a_package_costs_nothing(package):
    for file in files(package):
        if file.name == "__init__.py":
            assert not ast.parse(file.read_text(encoding="utf-8")).body, file


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_only_commands_print(package):
    for file in files(package):
        text = file.read_text(encoding="utf-8")
        if 'if __name__ == "__main__"' in text:  # a command: its output is its work
            continue
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        assert "print" not in {getattr(call.func, "id", "") for call in calls}, file
