"""Numbers, times, dates, prices and telephone numbers as a speech recogniser writes them: now in
words, now in figures."""

from collections.abc import Callable
from random import Random

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NTH = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def in_words(number: int) -> str:
    """A whole number from 0 to 999,999 in English words."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, one = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_ONES[one]}" if one else "")
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    whole, rest = divmod(number, size)
    link = " and " if rest < 100 else " "
    return f"{in_words(whole)} {name}" + (link + in_words(rest) if rest else "")


def ordinal(number: int, rng: Random) -> str:
    """A place in an order up to 31: "third" or "3rd"."""
    if number <= len(_NTH) and rng.random() < 0.7:
        return _NTH[number - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number not in (11, 12, 13) else 0, "th")
    return f"{number}{ending}"


def _number(rng: Random, low: int, high: int, words: float) -> str:
    number = rng.randint(low, high)
    return in_words(number) if rng.random() < words else f"{number:,}"


def _large(rng: Random) -> str:
    return rng.choice(
        (
            f"{rng.randint(11, 99) * 100:,}",
            f"{in_words(rng.randint(2, 95))} thousand",
            f"{rng.randint(1000, 99999):,}",
            f"{in_words(rng.randint(2, 9))} hundred and {in_words(rng.randint(1, 99))}",
            f"{in_words(rng.randint(2, 9))} million",
            f"{rng.randint(2, 19)}.{rng.randint(1, 9)} million",
        )
    )


def _year(rng: Random) -> str:
    year = rng.randint(1712, 2024)
    if year < 2000 and rng.random() < 0.15 and year % 100 > 9:
        return f"{in_words(year // 100)} {in_words(year % 100)}"
    return str(year)


def _time(rng: Random) -> str:
    hour, minute = rng.randint(1, 12), rng.choice((5, 10, 15, 20, 25, 40, 45, 50))
    word = in_words(hour)
    return rng.choice(
        (
            f"{hour}:{minute:02}",
            f"{hour}.30",
            f"half past {word}",
            f"quarter to {word}",
            f"a quarter past {word}",
            f"{word} o'clock",
            f"{hour} a.m.",
            f"{hour}:30 p.m.",
            f"{word} thirty",
            f"{word} in the morning" if hour < 12 else "noon",
            f"{in_words(rng.choice((5, 10, 20)))} past {word}",
            f"{word} in the evening" if 4 < hour < 12 else "midnight",
            f"{rng.randint(13, 23)}:{minute:02}",
        )
    )


def _date(rng: Random) -> str:
    month, number = rng.choice(_MONTHS), rng.randint(1, 28)
    return rng.choice(
        (
            f"the {ordinal(number, rng)} of {month}",
            f"{month} {number}",
            f"{month} {ordinal(number, rng)}",
            f"{rng.choice(_DAYS)} the {ordinal(number, rng)}",
            f"{number} {month}",
        )
    )


def _price(rng: Random) -> str:
    few, cents = rng.randint(2, 90), rng.choice((20, 50, 75, 80, 95, 99))
    return rng.choice(
        (
            f"${few}",
            f"£{few}.{cents}",
            f"€{few}",
            f"{in_words(few)} pounds",
            f"{in_words(few)} dollars",
            f"{few} euros",
            f"{in_words(rng.randint(3, 20))} pounds {in_words(cents)}",
            f"${few}.{cents}",
            f"{in_words(rng.randint(2, 9))} hundred rupees",
            f"{in_words(rng.randint(11, 99))} francs",
            f"{in_words(rng.randint(20, 95))} cents",
            f"a {rng.choice(('hundred', 'thousand'))} {rng.choice(('kroner', 'yen', 'pesos'))}",
        )
    )


def _sum(rng: Random) -> str:
    hundreds = rng.randint(2, 99) * 100
    return rng.choice(
        (
            f"${hundreds:,}",
            f"£{hundreds + rng.choice((0, 20, 50, 85)):,}",
            f"€{hundreds:,}",
            f"{in_words(rng.randint(2, 9))} hundred pounds",
            f"{in_words(rng.randint(2, 60))} thousand dollars",
            f"{hundreds:,} euros",
            f"{in_words(rng.randint(2, 9))} hundred and {in_words(rng.randint(2, 9) * 10)} dollars",
        )
    )


def _digits(rng: Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _phone(rng: Random) -> str:
    shape = rng.choice(("555-####", "0#### ######", "07### ### ###", "###-####", "0## ### ## ##"))
    number = "".join(_digits(rng, 1) if mark == "#" else mark for mark in shape)
    if rng.random() < 0.15:
        return " ".join(in_words(int(mark)) for mark in _digits(rng, 6))
    return f"+{rng.randint(30, 99)} {number[1:]}" if rng.random() < 0.1 else number


def _code(rng: Random) -> str:
    if rng.random() < 0.25:
        return " ".join(in_words(int(digit)) for digit in _digits(rng, 4))
    return rng.choice((_digits(rng, 4), " ".join(_digits(rng, 4)), _digits(rng, 6)))


def _reference(rng: Random) -> str:
    letters = "".join(rng.sample(_LETTERS, 2))
    return rng.choice((f"{letters}{_digits(rng, 3)}", f"{letters}-{_digits(rng, 4)}"))


def _span(rng: Random) -> str:
    number = rng.randint(2, 45)
    unit = rng.choice(("minutes", "minutes", "hours", "days", "weeks", "months"))
    plain = f"{in_words(number) if rng.random() < 0.6 else number} {unit}"
    odd = ("half an hour", "an hour and a half", "three quarters of an hour", "a fortnight")
    return rng.choice(odd) if rng.random() < 0.12 else plain


def _measure(*units: str, low: int = 2, high: int = 90) -> Callable[[Random], str]:
    def draw(rng: Random) -> str:
        return f"{_number(rng, low, high, 0.5)} {rng.choice(units)}"

    return draw


def _degrees(rng: Random) -> str:
    number = _number(rng, 2, 38, 0.4)
    return f"minus {number}" if rng.random() < 0.2 else number


def _percent(rng: Random) -> str:
    number = rng.randint(2, 95)
    return rng.choice((f"{number}%", f"{in_words(number)} percent", f"{number} percent"))


def _score(rng: Random) -> str:
    high = rng.randint(1, 6)
    low = rng.randint(0, high)
    return rng.choice(
        (f"{high}-{low}", f"{in_words(high)} to {in_words(low).replace('zero', 'nil')}")
    )


def _website(rng: Random) -> str:
    start = rng.choice(("river", "north", "green", "happy", "oak", "city", "blue", "first", "open"))
    end = rng.choice(
        ("gardens", "travel", "clinic", "books", "tickets", "repairs", "choir", "farm")
    )
    return start + end + rng.choice((".com", ".org", ".net", " dot com"))


AMOUNTS: dict[str, Callable[[Random], str]] = {  # a slot's name in the units: how it is drawn
    "few": lambda rng: _number(rng, 2, 12, 0.7),
    "count": lambda rng: _number(rng, 13, 340, 0.4),
    "large": _large,
    "nth": lambda rng: ordinal(rng.randint(2, 12), rng),
    "year": _year,
    "age": lambda rng: _number(rng, 4, 96, 0.5),
    "time": _time,
    "date": _date,
    "price": _price,
    "sum": _sum,
    "phone": _phone,
    "code": _code,
    "reference": _reference,
    "span": _span,
    "years": _measure("years", high=40),
    "minutes": _measure("minutes", low=3, high=55),
    "distance": _measure("kilometres", "miles", "metres", high=60),
    "length": _measure("metres", "feet", "centimetres"),
    "weight": _measure("kilos", "pounds", "grams", "tons"),
    "degrees": _degrees,
    "percent": _percent,
    "score": _score,
    "website": _website,
    "house": lambda rng: _number(rng, 2, 190, 0.3),
    "room": lambda rng: rng.choice(
        (_digits(rng, 1).replace("0", "7") + _digits(rng, 2), "B12", "4C")
    ),
}
