"""What a terminal shows: what was said scrolls by, the foot has the level and what is being typed.
Looks only; what it means is in app/terminal.py and app/meeting.py.
"""

from collections.abc import Iterable
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from app.meter import Meter

BARS = " ▁▂▃▄▅▆▇█"
WIDTH = 40  # peaks that are drawn: two seconds
TAIL = 12  # lines of an answer that is being given; all of it stays when it is done
PER_SECOND = 12  # drawings


class Screen:
    """A console whose foot is drawn anew while the rest scrolls."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)
        self._live = Live(console=self.console, auto_refresh=False, transient=True)

    @contextmanager
    def open(self):
        with self._live:
            yield self

    def draw(self, *lines: Text) -> None:
        """The foot."""
        self._live.update(Group(*lines), refresh=True)

    def say(self, text: str, style: str = "") -> None:
        """One thing that stays."""
        self.console.print(Text(text, style=style))

    def asked(self, text: str) -> None:
        self.console.print()
        self.console.print(Text("› " + text, style="bold"))

    def answered(self, markdown: str) -> None:
        self.console.print(Markdown(markdown, hyperlinks=False))

    def listed(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        self.say(title)
        for name, what in rows:
            self.console.print(Text(f"  {name:<24}", style="bold") + Text(what))

    def tail(self, text: str) -> Text:
        """The end of an answer that is being given."""
        lines = Text(text).wrap(self.console, self.console.width)
        return Text("\n").join(lines[-TAIL:])


def waveform(meter: Meter, width: int = WIDTH) -> str:
    """The last peaks as bars; quiet sound is seen too."""
    peaks = list(meter.peaks)[-width:]
    bars = "".join(BARS[min(8, round(8 * peak**0.5))] for peak in peaks)
    return bars.rjust(width)


def clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
