"""The page in a window of its own, where a browser on this machine can open one."""

import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path

IN_PATH = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "microsoft-edge-stable",
    "brave-browser",
)
INSTALLED = {  # where else they are
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ),
    "win32": (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
        r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
    ),
}


def browsers() -> Iterator[str]:
    """Those that know --app, the likeliest first."""
    yield from filter(None, map(shutil.which, IN_PATH))
    yield from (path for path in INSTALLED.get(sys.platform, ()) if Path(path).exists())


def show(address: str) -> None:
    """Open the page in its own window; where no browser can, in the usual one."""
    for browser in browsers():
        try:
            subprocess.Popen(
                [browser, f"--app={address}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C ends the server; the window says so
            )
            return
        except OSError:  # it is there and does not start: the next one may
            continue
    webbrowser.open(address)
