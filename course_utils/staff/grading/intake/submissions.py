"""Finds what was handed in, and reads it: files that strangers wrote.

A folder or zip file with `<student>/<exercise>.ipynb`, nbgrader's `<student>/<assignment>/<exercise>.ipynb`, or a
download from Canvas, Moodle or Gradescope. Only notebooks are read, never copied; each is checked for kind and size
before its bytes are read, and for encoding before it is parsed. Nothing is unpacked to disk.
"""

from __future__ import annotations

import json
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath

from course_utils.staff.grading.plain_text import safe_cell

LARGEST_FILE = 32 * 1024 * 1024  # bytes
MOST_CELLS = 2_000
MOST_VALUES = 4_000_000  # strings, numbers, lists and objects in one file: each takes far more memory than its bytes
LONGEST_NAME = 200  # bytes of a student's name in UTF-8: file systems allow 255, and endings come to it
LONGEST_PATH = 1_000  # characters of a name in an archive
MOST_DIGITS = 400
MOST_FILES = 100_000
UNREADABLE = "a folder that cannot be read"  # stands in the place of a file

# What learning platforms make of file and folder names.
CANVAS = re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)", re.I | re.S)
MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)", re.I | re.S)
GRADESCOPE = re.compile(r"submission_\d+", re.I)
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?", re.I)  # browsers and mail programs add an ending
OTHER_KINDS = frozenset(
    ".py .pdf .html .htm .zip .rar .7z .gz .tar .doc .docx .odt .rtf .txt .md .json .jpg .jpeg .png".split()
)
COPY_NUMBER = re.compile(r"(\d{1,9})\)?$")  # 01_chain_rule-1, 01_chain_rule (1), 01_chain_rule-Copy1


class Unusable(ValueError):
    """A file that cannot be graded; the text is the reason, for the student."""


class NoSubmissions(ValueError):
    """The operator named something that holds no submissions; the text says what is expected."""


@dataclass(frozen=True)
class File:
    """A file that was handed in. `read` gives its bytes, or raises Unusable.

    `late` is what a platform says, and `platform` the name and number by which it knows the student.
    """

    student: str
    parts: tuple[str, ...]  # its path below the student's folder
    read: Callable[[], bytes]
    modified: datetime
    late: bool = False
    platform: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def stem(self) -> str:
        """The name without the ending of a notebook."""
        ending = _ending(self.name)
        return self.name.removesuffix(ending) if NOTEBOOK.fullmatch(ending) else self.name


# --- finding --------------------------------------------------------------------------------------------------------


def find(source: Path) -> tuple[list[str], list[File]]:
    """The students (those with an empty folder too) and their notebooks, both sorted. Raises NoSubmissions.

    Of a student without any notebook, what they handed in instead: to read it raises Unusable, with the reason.
    """
    try:
        if source.is_dir():
            entries = list(_folder_entries(source))
            top = _wrapping(entries)
            inside = source / top if top else source
            folders = [entry.name for entry in os.scandir(inside) if entry.is_dir()]  # a link is not entered
        elif _is_zip(source):
            entries, folders = list(_zip_entries(source)), []
            top = _wrapping(entries)
        else:
            what = "is neither a folder nor a zip file of submissions" if source.exists() else "is not there"
            raise NoSubmissions(f"{source} {what}")
    except OSError as error:
        raise NoSubmissions(f"{source} cannot be read: {error.strerror}") from None
    files = [file for parts, *rest in entries if (file := _by_layout(parts[1:] if top else parts, *rest))]
    with_notebook = {file.student for file in files if _is_notebook(file.name)}
    files = [file for file in files if _is_notebook(file.name) or file.student not in with_notebook]
    owners = {file.student for file in files} | {_owner(name) for name in folders if not _hidden(name)}
    if not owners:
        raise NoSubmissions(
            f"{source} holds no submissions: expected <student>/<exercise>.ipynb, or a download from Canvas, Moodle or "
            "Gradescope"
        )
    names = _distinct_names(owners)
    files = [
        replace(
            file,
            student=names[file.student],
            parts=tuple(map(_text, file.parts)),
            platform=file.platform and (_printable(file.platform[0]), file.platform[1]),
        )
        for file in files
    ]
    return sorted(names.values()), sorted(files, key=lambda file: (file.student, file.parts))


def _text(name: str) -> str:
    """A file name as text that can be written: a system's names may be any bytes."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _distinct_names(owners: set[str]) -> dict[str, str]:
    """A clean name for each owner; two owners whose names become the same by cleaning stay two."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for owner in sorted(owners):
        clean, number = clean_name(owner), 1
        while safe_cell(name := clean if number == 1 else f"{clean} ({number})") in taken:
            number += 1
        names[owner] = name
        taken.add(safe_cell(name))
    return names


Entry = tuple[tuple[str, ...], Callable[[], bytes], datetime]


def _is_zip(source: Path) -> bool:
    if not source.is_file():
        return False
    with source.open("rb") as file:
        return zipfile.is_zipfile(file)


def _ending(name: str) -> str:
    """What a name ends in: ".ipynb", also with what a browser added to it, or another ending."""
    found = NOTEBOOK.search(name)
    if found and found.end() == len(name):
        return found[0]
    return PurePosixPath(name).suffix


def _is_notebook(name: str) -> bool:
    return NOTEBOOK.fullmatch(_ending(name)) is not None


def _looked_at(name: str) -> bool:
    """Whether a file says something about what a student handed in."""
    return not _hidden(name) and (_is_notebook(name) or _ending(name).lower() in OTHER_KINDS)


def _closed_folder() -> bytes:
    raise Unusable("the folder cannot be read")


def _no_notebook(name: str) -> bytes:
    ending = _ending(name).lower()
    raise Unusable(f"this is a {ending} file and no notebook: hand in the .ipynb file itself")


def _wrapping(entries: list[Entry]) -> str:
    """The folder in which a download wraps everything, or "".

    A folder that is alone could also be a student's. It is not where names of a platform stand in it, or the same
    notebook in three folders and more.
    """
    tops = {parts[0] for parts, *_ in entries if len(parts) > 1}
    if len(tops) != 1 or any(len(parts) == 1 and _is_notebook(parts[0]) for parts, *_ in entries):
        return ""
    below = [parts[1:] for parts, *_ in entries if len(parts) > 1]
    if MOODLE.fullmatch(top := tops.pop()) or GRADESCOPE.fullmatch(top):
        return ""
    if any(_by_platform(parts) or (len(parts) > 1 and GRADESCOPE.fullmatch(parts[0])) for parts in below):
        return top
    folders: dict[str, set[str]] = {}
    for first, *rest in below:
        if len(rest) == 1:
            folders.setdefault(rest[0], set()).add(first)
    return top if any(len(names) > 2 for names in folders.values()) else ""


def _by_platform(parts: tuple[str, ...]) -> re.Match | None:
    patterns = (MOODLE,) if len(parts) > 1 else (MOODLE, CANVAS)
    return next(filter(None, (pattern.fullmatch(parts[0]) for pattern in patterns)), None)


def _folder_entries(source: Path) -> Iterator[Entry]:
    closed: list[str] = []
    for folder, below, names in os.walk(source, followlinks=False, onerror=lambda error: closed.append(error.filename)):
        place = Path(folder).relative_to(source).parts
        linked = [name for name in below if os.path.islink(os.path.join(folder, name)) and _is_notebook(name)]
        below[:] = sorted(name for name in below if not _hidden(name)) if len(place) < 3 else []
        for name in sorted(names) + linked:
            if _looked_at(name):
                path = Path(folder, name)
                read = partial(_read_file, path) if _is_notebook(name) else partial(_no_notebook, name)
                yield (*place, name), read, _file_time(path)
    for folder in closed:
        place = Path(folder).relative_to(source).parts
        yield (*place, UNREADABLE), partial(_closed_folder), datetime.fromtimestamp(0)


def _file_time(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime)
    except (OSError, ValueError, OverflowError):
        return datetime.max  # gone since, or a time that no calendar has


def _read_file(path: Path) -> bytes:
    """The bytes of a regular file that is not a link and not too large: what was opened is what was checked."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if path.is_symlink():
            raise Unusable("the file is a link: hand in the notebook itself")
        with os.fdopen(os.open(path, flags), "rb") as file:
            kind = os.fstat(file.fileno())
            if not stat.S_ISREG(kind.st_mode):
                raise Unusable("this is not an ordinary file")
            return _bounded(file.read(LARGEST_FILE + 1))
    except OSError as error:
        raise Unusable(f"the file cannot be read ({type(error).__name__})") from None


def _bounded(data: bytes) -> bytes:
    if len(data) > LARGEST_FILE:
        raise Unusable(f"the file is larger than {LARGEST_FILE // 1024**2} MB: clear its outputs and hand it in again")
    return data


def _zip_entries(source: Path) -> Iterator[Entry]:
    try:
        with zipfile.ZipFile(source) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise NoSubmissions(f"{source} cannot be read as a zip file ({error}): download it again") from None
    if len(listed) > MOST_FILES:
        raise NoSubmissions(f"{source} holds more than {MOST_FILES} files: that is no download of submissions")
    wrapped = all(info.filename.startswith(f"{source.stem}/") for info in listed)
    for info in listed:
        path = PurePosixPath(info.filename.replace("\\", "/").removeprefix(f"{source.stem}/" if wrapped else ""))
        if info.is_dir() or not _looked_at(path.name) or any(_hidden(part) for part in path.parts):
            continue
        if path.is_absolute() or ".." in path.parts or not 1 <= len(path.parts) <= 4:
            continue
        if len(info.filename) > LONGEST_PATH:
            continue
        read = partial(_read_zipped, source, info) if _is_notebook(path.name) else partial(_no_notebook, path.name)
        yield path.parts, read, _zip_time(info)


def _zip_time(info: zipfile.ZipInfo) -> datetime:
    try:
        return datetime(*info.date_time)
    except ValueError:
        return datetime(1980, 1, 1)  # what a zip file says when it does not know


def _read_zipped(source: Path, info: zipfile.ZipInfo) -> bytes:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Unusable("the file is a link: hand in the notebook itself")
    try:
        with zipfile.ZipFile(source) as archive, archive.open(info) as file:
            return _bounded(file.read(LARGEST_FILE + 1))
    except Unusable:
        raise
    except Exception as error:  # noqa: BLE001 - each way of packing has its own errors (zlib, lzma, memory ...)
        raise Unusable(f"the file in the archive cannot be read ({type(error).__name__})") from None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _by_layout(parts: tuple[str, ...], read: Callable[[], bytes], modified: datetime) -> File | None:
    """Whose file it is. A notebook that lies alone at the top and bears no name of a platform is nobody's."""
    found = _by_platform(parts)
    if found is None:
        return File(parts[0], parts[1:], read, modified) if len(parts) > 1 else None
    known = (found["name"], found["id"])
    within = parts[1:] or (found["file"],)
    return File("_".join(known), within, read, modified, bool(found.groupdict().get("late")), known)


def _owner(folder: str) -> str:
    found = MOODLE.fullmatch(folder)
    return f"{found['name']}_{found['id']}" if found else folder


def _printable(name: str) -> str:
    """A name without what is not to be seen: NFC, no control or direction characters, single spaces."""
    name = unicodedata.normalize("NFC", _text(name))
    return " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name).split())


def clean_name(name: str) -> str:
    """A name that is safe in a path, a table and a page: NFC, no control or direction characters, no separators."""
    name = re.sub(r'[/\\:*?"<>|]', "_", _printable(name)).strip(". ")
    name = name[:80].encode()[:LONGEST_NAME].decode("utf-8", "ignore")
    return name.strip(". ") or "unnamed"


# --- which exercise -------------------------------------------------------------------------------------------------


def by_metadata(notebook: dict, known: list[str]) -> str | None:
    """The exercise that the notebook itself says it is."""
    lesson = notebook.get("course", {}).get("lesson")
    return lesson if isinstance(lesson, str) and lesson in known else None


def by_name(file_name: str, known: list[str]) -> str | None:
    """The exercise that a file's name contains, whatever a platform or browser put around it."""
    stem = re.sub(r"[\s\-]+", "_", unicodedata.normalize("NFC", file_name)).casefold()
    return max((name for name in known if name.casefold() in stem), key=len, default=None)


def newest(candidates: list[File], exercise: str) -> File:
    """Of several files for one exercise: the one of its very name, else of the highest copy number or last name."""

    def rank(file: File) -> tuple:
        copy_number = COPY_NUMBER.search(file.stem.casefold().replace(exercise.casefold(), ""))
        return file.stem == exercise, int(copy_number[1]) if copy_number else 0, file.parts

    return max(candidates, key=rank)


# --- reading --------------------------------------------------------------------------------------------------------


def read_notebook(data: bytes) -> dict:
    """The plain core of a notebook: `{"course": {...}, "cells": [{"cell_type", "id", "metadata", "source"}]}`,
    sources as str.

    Outputs, and metadata that the grader does not use, are left behind. Raises Unusable, with the reason.
    """
    try:
        content = json.loads(_decoded(data), parse_int=_bounded_int, parse_constant=lambda name: None)
    except RecursionError:
        raise Unusable("the file is nested too deeply to be a notebook") from None
    except Unusable:
        raise
    except ValueError:
        raise Unusable(
            "the file is not a notebook: it is not valid JSON (was it saved or copied only in part?)"
        ) from None
    if not isinstance(content, dict):
        raise Unusable("the file is not a notebook: JSON, but not of a notebook")
    version = content.get("nbformat")
    if version != 4 or isinstance(version, bool):
        plain = isinstance(version, int | float | str)
        said = f"its nbformat is {str(version)[:20]}" if plain else "it does not say its nbformat"
        raise Unusable(f"the file is not a notebook of format 4 ({said}): open it in JupyterLab and save it again")
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise Unusable("the file is not a notebook: it has no cells")
    if len(cells) > MOST_CELLS:
        raise Unusable(f"the notebook has more than {MOST_CELLS} cells")
    course = _dict(_dict(content.get("metadata")).get("course"))
    return {"course": course, "cells": [_cell(cell) for cell in cells if isinstance(cell, dict)]}


def _decoded(data: bytes) -> str:
    if not data.strip():
        raise Unusable("the file is empty")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise Unusable("the file is UTF-16 or binary: a notebook is UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable("the file is not UTF-8 text, as a notebook is") from None
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise Unusable("the file holds too many values: clear its outputs and hand it in again")
    if text.lstrip()[:1] == "<":
        raise Unusable("the file is a web page (perhaps of a login), not the notebook")
    return text


def _bounded_int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise Unusable(f"the file has a number of more than {MOST_DIGITS} digits in it")
    return int(digits)


def _cell(cell: dict) -> dict:
    nbgrader = _dict(_dict(cell.get("metadata")).get("nbgrader"))
    grade_id, cell_id, kind = nbgrader.get("grade_id"), cell.get("id"), cell.get("cell_type")
    return {
        "cell_type": kind if isinstance(kind, str) else "",
        "id": cell_id if isinstance(cell_id, str) else "",
        "metadata": {"nbgrader": {"grade_id": grade_id}} if isinstance(grade_id, str) else {},
        "source": _source(cell.get("source")),
    }


def _source(source: object) -> str:
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return _text(source) if isinstance(source, str) else ""


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}
