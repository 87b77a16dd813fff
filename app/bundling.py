"""Our scripts as one module, our styles as one sheet: a browser asks once, not forty times.

Put together when the page is built; there is no build step. Every script keeps a scope of its own.
Knows the few forms in which our scripts import and export, and refuses others.
"""

import re
from collections.abc import Iterator, Mapping

IMPORT = re.compile(r'^import (?:\* as (\w+)|\{([^}]*)\}) from "\./(\w+\.js)";$', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const) ([\w$]+))", re.M)
OTHER = re.compile(r"^(?:import|export)\b.*", re.M)


def scripts(files: Mapping[str, str], first: str) -> str:
    """`files` are modules by name, `first` the one whose exports are the bundle's."""
    pieces = [_scope(name, files[name]) for name in _in_order(files, first, {})]
    names = ", ".join(EXPORT.findall(files[first]))
    return "\n".join((*pieces, f"export const {{ {names} }} = {_variable(first)};\n"))


def _in_order(files: Mapping[str, str], name: str, seen: dict[str, bool]) -> Iterator[str]:
    """Each module after those that it imports."""
    if name in seen:
        assert seen[name], f"{name} imports itself, by way of others"
        return
    seen[name] = False
    for *_, other in IMPORT.findall(files[name]):
        yield from _in_order(files, other, seen)
    seen[name] = True
    yield name


def _scope(name: str, text: str) -> str:
    exported = ", ".join(EXPORT.findall(text))
    text = EXPORT.sub("", IMPORT.sub(_taken, text))
    assert not OTHER.search(text), f"{name}: {OTHER.search(text)[0]}"
    return f"const {_variable(name)} = (() => {{ {text}\nreturn {{ {exported} }}; }})();"


def _taken(found: re.Match[str]) -> str:
    whole, names, file = found.groups()
    taken = whole or "{" + names.replace(" as ", ": ") + "}"
    return f"const {taken} = {_variable(file)};"


def _variable(name: str) -> str:
    return "of_" + name.removesuffix(".js")
