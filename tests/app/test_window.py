"""A window of its own where a browser can, else the usual one."""

import pytest

from app import window

HERE = "http://127.0.0.1:7860/"


@pytest.fixture
def opened(monkeypatch):
    opened = []
    monkeypatch.setattr(window.subprocess, "Popen", lambda command, **_: opened.append(command))
    monkeypatch.setattr(window.webbrowser, "open", lambda address: opened.append(address))
    return opened


def test_the_first_browser_that_can_opens_a_window(monkeypatch, opened):
    monkeypatch.setattr(window, "browsers", lambda: iter(["/usr/bin/chromium", "/usr/bin/edge"]))
    window.show(HERE)
    assert opened == [["/usr/bin/chromium", f"--app={HERE}"]]


def test_without_one_the_usual_browser_opens(monkeypatch, opened):
    monkeypatch.setattr(window, "browsers", lambda: iter(()))
    window.show(HERE)
    assert opened == [HERE]


def test_a_browser_that_does_not_start_is_passed_over(monkeypatch, opened):
    def refuse(command, **_):
        raise PermissionError(command)

    monkeypatch.setattr(window.subprocess, "Popen", refuse)
    monkeypatch.setattr(window, "browsers", lambda: iter(["/broken"]))
    window.show(HERE)
    assert opened == [HERE]
