"""Text files as people's programs write them: in UTF-8 or UTF-16, with a byte order mark or not,
packed by gzip or not. What cannot be read is refused with its line."""

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

GZIP = b"\x1f\x8b"
LONGEST_HEAD = 4  # bytes that tell the encoding
MARKS = {  # at the beginning of a file; those of 32 bits begin like those of 16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class BadText(ValueError):
    """A file that holds no text, or none of the kind that is wanted."""


def encoding_of(head: bytes) -> str:
    """Of a text, by its first bytes: by its mark, or by the half of UTF-16 that is empty in plain
    letters. Any other is UTF-8 or refused: no other encoding can be told from its neighbours."""
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    if len(head) > 1 and 0 in head[:2]:
        return "utf-16-le" if head[1] == 0 else "utf-16-be"
    return "utf-8"


def numbered_lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers from 1. Raises BadText."""
    number = 0
    try:
        with _opened(file) as lines:
            for number, line in enumerate(lines, 1):
                line = line.lstrip("\ufeff")  # files that were joined have marks in the middle
                if line.strip():
                    _refuse_other_encodings(line, number, file)
                    yield number, line
    except UnicodeDecodeError as error:
        raise _not_unicode(file, number + 1) from error
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise BadText(f"{file.name} cannot be read: {why}.") from None


def read_text(file: Path) -> str:
    """The whole text, without its mark. Raises BadText, or OSError where there is no such file."""
    return decoded(file.read_bytes(), file.name)


def decoded(content: bytes, name: str) -> str:
    """Bytes of a file called `name` as text, without its mark. Raises BadText."""
    try:
        return content.decode(encoding_of(content[:LONGEST_HEAD])).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadText(
            f"{name} is no text in UTF-8 or UTF-16 (line {_line_of(content, error)})."
        ) from None


def read_json(file: Path) -> dict:
    """The JSON object in a file. Raises BadText, or OSError where there is no such file."""
    text = read_text(file)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadText(f"{file.name} is no JSON ({error})") from None
    if not isinstance(value, dict):
        raise BadText(f"{file.name} holds no JSON object")
    return value


def _opened(file: Path) -> io.TextIOWrapper:
    with open(file, "rb") as raw:
        is_packed = raw.read(len(GZIP)) == GZIP
    opener = gzip.open if is_packed else open
    with opener(file, "rb") as raw:
        encoding = encoding_of(raw.read(LONGEST_HEAD))
    # what is no UTF-8 is kept, and refused with its line
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    return opener(file, "rt", encoding=encoding, errors=errors)


def _refuse_other_encodings(line: str, number: int, file: Path) -> None:
    try:
        line.encode()
    except UnicodeEncodeError:
        raise _not_unicode(file, number) from None


def _not_unicode(file: Path, number: int) -> BadText:
    return BadText(
        f"{file.name}, line {number}: this is no text in UTF-8 or UTF-16. Save the file as UTF-8."
    )


def _line_of(content: bytes, error: UnicodeDecodeError) -> int:
    return content[: error.start].count(b"\n") + 1
