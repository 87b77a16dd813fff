"""Names in a ZIP that other programs have packed again: below a folder, with backslashes, among
files that systems add. No name is ever used as a path."""

import zipfile
from collections.abc import Iterable

from sessions.errors import BadBundle

FOLDERS = ("__MACOSX",)  # added by macOS …
FILES = (".DS_Store", "Icon\r", "Thumbs.db", "ehthumbs.db", "desktop.ini", ".directory")
SIDE = "._"  # … and how the names of its side files begin


def files_beside(document: str, infos: Iterable[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their names as seen from the folder with the document in it, if
    there is one. What systems add, and folders themselves, are left out; what lies elsewhere keeps
    its whole name. Raises BadBundle where two names are the same."""
    files: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.replace("\\", "/")
        if not (_is_added(name) or _is_folder(name, info)):
            _put(files, name, info)
    places = [name for name in files if name == document or name.endswith("/" + document)]
    folder = min(places, key=len).removesuffix(document) if places else ""
    if not folder or not _is_plain(folder):
        return files
    inner: dict[str, zipfile.ZipInfo] = {}
    for name, info in files.items():
        _put(inner, name.removeprefix(folder), info)
    return inner


def _put(files: dict[str, zipfile.ZipInfo], name: str, info: zipfile.ZipInfo) -> None:
    if name in files:
        raise BadBundle(f"This ZIP file holds {name} twice.")
    files[name] = info


def _is_added(name: str) -> bool:
    parts = name.split("/")
    is_side_file = parts[-1].startswith(SIDE)
    return is_side_file or parts[-1] in FILES or any(part in FOLDERS for part in parts)


def _is_folder(name: str, info: zipfile.ZipInfo) -> bool:
    return name.endswith("/") and not info.file_size


def _is_plain(folder: str) -> bool:
    """Whether a folder is named downwards from the top, as programs that pack folders do."""
    parts = folder.removesuffix("/").split("/")
    return not any(part in ("", ".", "..") or ":" in part for part in parts)
