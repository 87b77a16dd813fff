"""The limits that the README tells are those there are."""

import re
from pathlib import Path

from app import assets, crowd, page, places, policy, talks, web
from app.narrow import LARGEST as REQUEST
from model.audio import Limits
from sessions import archive, backup, bundle, transfer, unused

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
GB, MB, HOUR = 10**9, 10**6, 3600


def told(what):
    return re.search(rf"^\| {what} \| (.+) \|$", README, re.M)[1]


def test_the_limits_are_those_that_are_told():
    most = Limits()
    recording = f"{most.size // GB} GB, {most.seconds // HOUR} hours; {web.AT_ONCE} are read"
    assert told("a recording") == f"{recording} at a time"
    files = f"a ZIP {archive.LARGEST // GB} GB, an HTML file {transfer.LARGEST_PAGE // GB} GB"
    assert told("an imported file") == f"{files}, JSON {bundle.LARGEST // MB} MB"
    assert told("any other request") == f"{REQUEST // MB} MB"
    waiting = f"{talks.WAITING} of yours, {places.WAITING} of each guest"
    assert told("questions that wait") == waiting
    guests = (
        f"{crowd.EACH} of a guest, {crowd.GUESTS} of all guests, {crowd.STRANGERS} of strangers"
    )
    assert told("requests at once") == f"{guests}; yours are not counted"
    assert told("deleted conversations").startswith(f"{unused.KEPT_DAYS} days")
    assert told("a backup") == f"leaves {backup.LEAST / MB:.0f} MB free, or is not made"


def test_backups_and_the_end_are_as_told():
    assert (backup.DAYS, backup.WEEKS, page.PATIENCE) == (7, 4, 5)
    said = " ".join(README.split())
    assert "those of the last seven days, and of the four weeks before them" in said
    assert "the answer being given has five seconds to end" in said


def test_the_page_records_as_long_as_a_recording_may_be():
    script = assets.text("js/recording.js")
    longest = re.search(r"^const LONGEST = ([\d *]+);", script, re.M)[1]
    assert eval(longest) == Limits().seconds
    rate = int(re.search(r"^const MOST = (\d+);", assets.text("js/recorder.js"), re.M)[1])
    assert policy.RECORDED == 2 * rate and Limits().seconds * policy.RECORDED < Limits().size
