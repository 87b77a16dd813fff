"""What the page and the terminal tell of sharing, and what the owner may ask for. No layout."""

from dataclasses import asdict
from datetime import datetime

from app import qr
from app.events import Command
from app.i18n import ENGLISH, LANGUAGES, Language
from app.policy import Policy
from app.sharing import Shared, Sharing
from app.wish import LAN, Wish
from model.errors import EarshotError

GRADIOS = "gradio.live"
HOURS = (1, 2, 4, 8, 24)  # that the page offers


def rules(policy: Policy, language: Language) -> list[str]:
    """What visitors may do, in plain words."""
    say = language.say
    minutes = {"clip": f"{policy.minutes_a_clip:g}", "all": f"{policy.minutes_of_sound:g}"}
    if policy.upload and policy.microphone:
        sound = say("sharing.may.both", **minutes)
    elif policy.upload:
        sound = say("sharing.may.upload", **minutes)
    elif policy.microphone:
        sound = say("sharing.may.record", **minutes)
    else:
        sound = say("sharing.may.neither")
    told = [
        say("sharing.may.own"),
        sound,
        say("sharing.may.ask", n=f"{policy.messages_an_hour:g}"),
        say("sharing.may.first") if policy.owner_first else "",
        say("sharing.may.model") if policy.model else "",
        say("sharing.may.machine"),
        say("sharing.may.kept", n=f"{policy.keep_days:g}"),
    ]
    return [sentence for sentence in told if sentence]


def begun(sharing: Sharing, policy: Policy) -> str:
    """Shares as the command line wished, and returns what the terminal is to be told. Where it does
    not begin, the page goes on without."""
    try:
        return as_text(sharing.begin(sharing.wish), policy, LANGUAGES[ENGLISH])
    except EarshotError as error:
        return f"Not shared: {error} The page goes on for this machine."


def as_text(shared: Shared, policy: Policy, language: Language) -> str:
    """For the terminal: the address and its picture, the password, and what visitors may do."""
    say = language.say
    ends = (
        say("sharing.until", time=_time(shared.until)) if shared.until else say("sharing.forever")
    )
    told = [
        f"{say('sharing.address')}: {shared.address}",
        f"{say('sharing.password')}: {shared.password}",
        qr.for_terminal(shared.address).rstrip("\n"),
        ends,
        *(f"- {rule}" for rule in rules(policy, language)),
        f"{say('sharing.trust')} {shared.fingerprint}" if shared.fingerprint else "",
        "" if shared.address.startswith("https:") else say("sharing.plain"),
    ]
    return "\n".join(line for line in told if line)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def inviting(sharing: Sharing, policy: Policy) -> list[Command]:
    """For the owner alone."""

    def sharing_now(asked: dict, language: Language) -> dict:
        """Whether and how it is shared, and who is on."""
        shared = asdict(sharing.shared) if sharing.shared else {}
        shared.pop("password", None)  # shown on demand
        return {
            "state": sharing.state,
            "trouble": language.heard(sharing.trouble),
            "shared": shared or None,
            "on": sharing.n_on,
        }

    def invitation(asked: dict, language: Language) -> dict:
        """What the sheet shows besides."""
        shared, wish = sharing.shared, sharing.wish
        can_read = not (wish.server and wish.https)  # else what passes is between us and a browser
        return {
            "rules": rules(policy, language),
            "hours": HOURS,
            "through": (wish.server or GRADIOS) if can_read else "",
            "qr": qr.for_page(shared.address) if shared else "",
        }

    def shared_password(asked: dict, language: Language) -> dict:
        return {"password": sharing.shared.password if sharing.shared else ""}

    def begin_sharing(asked: dict, language: Language) -> dict:
        """Begins; with the server and the password that the command line gave, if any."""
        how, hours, wish = str(asked["how"]), float(asked.get("hours") or 0), sharing.wish
        https = bool(asked.get("https")) if how == LAN else wish.https
        seconds = hours * 3600 or None
        sharing.begin_soon(
            Wish(how=how, server=wish.server, seconds=seconds, password=wish.password, https=https)
        )
        return {}

    def end_sharing(asked: dict, language: Language) -> dict:
        sharing.end()
        return {}

    return [sharing_now, invitation, shared_password, begin_sharing, end_sharing]
