"""What is true of one item beside what was answered: all that a metric sees."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """What is true of an item, and the answer."""

    true: str
    answer: str
    also: tuple[str, ...] = ()  # what is as true
    choices: tuple[str, ...] = ()  # all labels there are, where they are few
    language: str = "en"  # of what is said

    @property
    def truths(self) -> tuple[str, ...]:
        return (self.true, *self.also)
