"""What guests may do: the file that says so, and that nothing gets past it."""

import math
from pathlib import Path

import numpy as np
import pytest

from app import chat, policy, theme
from app.chat import Refused
from app.i18n import LANGUAGES
from app.policy import BadPolicy, Policy
from model.audio import Limits
from model.messages import Clip
from model.spec import SAMPLE_RATE


def test_the_readme_shows_the_file_as_it_is_written(tmp_path):
    lines = policy.write(tmp_path).read_text().splitlines()[2:]
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "```\n" + "\n".join(lines) + "\n```" in readme


def test_the_file_that_is_written_says_what_is_usual(tmp_path):
    assert policy.load(tmp_path) == Policy()
    path = policy.write(tmp_path)
    assert policy.load(tmp_path) == Policy()
    path.write_text("upload = false\nkeep_days = 0.5\n")
    assert policy.write(tmp_path).read_text().startswith("upload"), "what a person wrote stays"
    assert policy.load(tmp_path) == Policy(upload=False, keep_days=0.5)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("upload = ", "cannot be read"),
        ("uploads = true", "nothing is called uploads"),
        ('disk_mb = "many"', "disk_mb cannot be 'many'"),
        ("upload = 1", "upload cannot be 1"),
        ("most_guests = true", "most_guests cannot be True"),
        ("messages_an_hour = 0", "more than 0"),
        ("disk_mb = nan", "more than 0"),
    ],
)
def test_nonsense_is_refused_with_its_name(tmp_path, text, sentence):
    (tmp_path / policy.FILE).write_text(text)
    with pytest.raises(BadPolicy, match=sentence):
        policy.load(tmp_path)


def test_what_is_not_allowed_is_hidden_and_refused():
    nothing = policy.Allowance(Policy(upload=False, microphone=False, sampling=False))
    assert nothing.policy.denied == ("upload", "microphone", "sampling", "model")
    for refused in (
        lambda: nothing.attach(is_recorded=True),
        lambda: nothing.attach(is_recorded=False),
        nothing.tune,
        nothing.change_model,
    ):
        with pytest.raises(Refused):
            refused()
    recorder = policy.Allowance(Policy(upload=False))
    recorder.attach(is_recorded=True)
    with pytest.raises(Refused, match="record something instead"):
        recorder.attach(is_recorded=False)


def test_messages_are_counted_by_the_hour():
    now = [0.0]
    allowance = policy.Allowance(Policy(messages_an_hour=2), lambda: now[0])
    allowance.ask()
    now[0] = 1800.0
    allowance.ask()
    with pytest.raises(Refused, match="2 messages an hour here: go on in 30 minutes"):
        allowance.ask()
    now[0] = 3600.0
    allowance.ask()
    with pytest.raises(Refused):
        allowance.ask()


def tone(hertz, seconds=30):
    wave = 9000 * np.sin(2 * np.pi * hertz * np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE)
    return Clip.of(wave.astype(np.int16))


def test_sound_is_counted_whichever_way_it_comes(tmp_path):
    allowance = policy.Allowance(Policy(minutes_of_sound=1))
    with policy.GuestStore(tmp_path, allowance) as store:
        for hertz in (300, 400, 300):  # the same sound again is no more
            chat.keep(store, tone(hertz), "a.wav")
        with pytest.raises(Refused, match="1 minutes of sound"):
            chat.keep(store, tone(500, 1), "b.wav")
        assert store.seconds() == 60 and len(list(store.clips.digests())) == 2


def test_the_disk_has_a_limit_of_its_own(tmp_path):
    noise = np.random.default_rng(0).integers(-9000, 9000, 40 * SAMPLE_RATE).astype(np.int16)
    with policy.GuestStore(tmp_path, policy.Allowance(Policy(disk_mb=1))) as store:
        with pytest.raises(Refused, match="1 MB"):
            chat.keep(store, Clip.of(noise), "noise.wav")
        assert list(store.clips.digests()) == []


def test_one_recording_has_limits_and_the_owner_has_none_of_these():
    guest = policy.Allowance(Policy(minutes_a_clip=2, disk_mb=3)).limits(Limits())
    assert (guest.seconds, guest.size) == (120, 3_000_000)
    owner = policy.Allowance(policy.UNLIMITED)
    assert owner.limits(Limits()) == Limits()
    owner.keep(math.inf, 10**15)
    for _ in range(1000):
        owner.ask()


@pytest.mark.parametrize("code", sorted(set(LANGUAGES) - {"en"}))
def test_every_refusal_names_its_limit_in_every_language(code):
    allowance = policy.Allowance(Policy(minutes_of_sound=7, disk_mb=8, messages_an_hour=1))
    allowance.ask()
    for refused, limit in (
        (lambda: allowance.keep(999, 0), "7"),
        (lambda: allowance.keep(0, 9_000_000), "8"),
        (allowance.ask, "1"),
    ):
        with pytest.raises(Refused) as told:
            refused()
        said = LANGUAGES[code].heard(str(told.value))
        assert said != str(told.value) and limit in said


def test_a_full_place_takes_nothing_more_but_lets_go(tmp_path):
    with policy.GuestStore(tmp_path, policy.Allowance(Policy(disk_mb=0.5))) as store:
        id = store.start("x" * 500_000).id
        for grows in (
            store.start,
            store.may_ask,
            lambda: store.change(id, system="y"),
            lambda: store.duplicate(id),
        ):
            with pytest.raises(Refused, match="0.5 MB"):
                grows()
        store.delete(id)
        store.purge(0)


@pytest.mark.parametrize(
    "told, seconds",
    [
        ({}, 600),
        ({"minutes_a_clip": 500, "disk_mb": 48, "minutes_of_sound": 500}, 500),  # 48 kHz, 16 bits
        ({"minutes_a_clip": 90, "minutes_of_sound": 30, "disk_mb": 10_000}, 1800),
    ],
)
def test_a_guests_page_records_no_longer_than_may_come_in(told, seconds):
    policy = Policy(**told)
    assert policy.longest_recording == seconds
    page = theme.dressed('<html lang="en"></head>', LANGUAGES["en"], "", policy)
    assert f'data-longest="{seconds}"' in page
    owners = theme.dressed('<html lang="en"></head>', LANGUAGES["en"], "")
    assert "data-longest" not in owners


def test_a_policy_is_read_as_windows_writes_it_or_refused_with_its_line(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        text = "# für Gäste\r\nupload = false\r\n"
        (tmp_path / policy.FILE).write_bytes(text.encode(encoding))
        assert policy.load(tmp_path).upload is False
    (tmp_path / policy.FILE).write_bytes("upload = false\n# für".encode("latin-1"))
    with pytest.raises(BadPolicy, match="no text in UTF-8 or UTF-16 .line 2"):
        policy.load(tmp_path)
