"""Finds what was handed in: folders and archives to files, each with its student.

A folder or zip file with `<student>/<exercise>.ipynb`, nbgrader's `<student>/<assignment>/<exercise>.ipynb`, or a
download from Canvas, Moodle or Gradescope. Only notebooks are read, never copied; each is checked for kind and size
before its bytes are read. Nothing is unpacked to disk.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import NamedTuple

from course_utils.staff.grading.intake import platforms, reading
from course_utils.staff.grading.intake.reading import Unusable, bounded, writable
from course_utils.staff.grading.plain_text import safe_cell

LONGEST_NAME = 200  # bytes of a student's name in UTF-8: file systems allow 255, and endings come to it
LONGEST_PATH = 1_000  # characters of a name in an archive
MOST_FILES = 100_000
DEEPEST = 6  # parts of a notebook's path
OTHERS_DEEPEST = 4  # parts of the path of another file: a clone has hundreds
UNREADABLE = "a folder that cannot be read"  # stands in the place of a file

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?", re.I)  # browsers and mail programs add an ending
OTHER_KINDS = frozenset(
    ".py .pdf .html .htm .zip .rar .7z .gz .tar .doc .docx .odt .rtf .txt .md .json .jpg .jpeg .png".split()
)
NOBODYS = frozenset(("__MACOSX", "__pycache__", "node_modules", "site-packages"))  # folders that programs make


class NoSubmissions(ValueError):
    """The operator named something that holds no submissions; the text says what is expected."""


@dataclass(frozen=True)
class File:
    """A file that was handed in. `read` gives its bytes, or raises Unusable.

    `modified` has no time zone where an archive tells none. `late` is what a platform says, `platform` the name and
    number by which it knows the student, and the highest `attempt` is the student's last one there.
    """

    student: str  # "" is nobody
    parts: tuple[str, ...]  # its path below the student's folder
    read: Callable[[], bytes]
    modified: datetime
    late: bool = False
    platform: tuple[str, str] | None = None
    attempt: int = 0
    path: tuple[str, ...] = ()  # below what the operator named

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def is_notebook(self) -> bool:
        return _is_notebook(self.name)

    @property
    def stem(self) -> str:
        """The name without the ending of a notebook."""
        ending = _ending(self.name)
        return self.name.removesuffix(ending) if NOTEBOOK.fullmatch(ending) else self.name


class Found(NamedTuple):
    """What lies in a folder or archive.

    students: those with an empty folder too. files: their notebooks; of a student without any, what they handed in
    instead: to read it raises Unusable, with the reason. beside: what nobody owns, and other files beside notebooks.
    renamed: of students whose folders would have one name once it is cleaned, the folder, in ASCII.
    """

    students: list[str]
    files: list[File]
    beside: list[File]
    renamed: dict[str, str]


def find(source: Path) -> Found:
    """The students and their files, sorted. Raises NoSubmissions."""
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
    everything = [_by_layout(entry, bool(top)) for entry in entries]
    with_notebook = {file.student for file in everything if file.is_notebook}
    files, beside = [], []
    for file in everything:
        is_work = file.student and (file.is_notebook or file.student not in with_notebook)
        (files if is_work else beside).append(file)
    owners = {file.student for file in files} | {platforms.owner(name) for name in folders if not _hidden(name)}
    if not owners:
        raise NoSubmissions(
            f"{source} holds no submissions: expected <student>/<exercise>.ipynb, or a download from Canvas, Moodle or "
            "Gradescope"
        )
    names, renamed = _distinct_names(owners)
    files, beside = (
        sorted((_cleaned(file, names) for file in these), key=lambda file: (file.student, file.parts))
        for these in (files, beside)
    )
    return Found(sorted(names.values()), files, beside, renamed)


def _cleaned(file: File, names: dict[str, str]) -> File:
    """The file with names that can be shown."""
    return replace(
        file,
        student=names.get(file.student, ""),
        parts=tuple(map(printable, file.parts)),
        path=tuple(map(printable, file.path)),
        platform=file.platform and (printable(file.platform[0]), file.platform[1]),
    )


def _distinct_names(owners: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """A clean name for each owner; two owners whose names become the same by cleaning stay two, and it is said which.

    Returns the names by owner, and of those that are alike the owners by name, in ASCII.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    alike = Counter(safe_cell(clean_name(owner)) for owner in owners)
    for owner in sorted(owners):
        clean, number = clean_name(owner), 1
        while safe_cell(name := clean if number == 1 else f"{clean} ({number})") in taken:
            number += 1
        names[owner] = name
        taken.add(safe_cell(name))
    renamed = {name: ascii(owner) for owner, name in names.items() if alike[safe_cell(clean_name(owner))] > 1}
    return names, renamed


Entry = tuple[tuple[str, ...], Callable[[], bytes], datetime]  # path, read, modified


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


def _looked_at(parts: tuple[str, ...]) -> bool:
    """Whether a file says something about what a student handed in."""
    if any(map(_hidden, parts)):
        return False
    if _is_notebook(parts[-1]):
        return len(parts) <= DEEPEST
    return len(parts) <= OTHERS_DEEPEST and _ending(parts[-1]).lower() in OTHER_KINDS


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
    if platforms.is_one_submission(top := tops.pop()):
        return ""
    if any(
        platforms.by_platform(parts) or (len(parts) > 1 and platforms.is_one_submission(parts[0])) for parts in below
    ):
        return top
    folders: dict[str, set[str]] = {}
    for first, *rest in below:
        if len(rest) == 1:
            folders.setdefault(rest[0], set()).add(first)
    return top if any(len(names) > 2 for names in folders.values()) else ""


def _folder_entries(source: Path) -> Iterator[Entry]:
    closed: list[str] = []
    for folder, below, names in os.walk(source, followlinks=False, onerror=lambda error: closed.append(error.filename)):
        place = Path(folder).relative_to(source).parts
        linked = [name for name in below if os.path.islink(os.path.join(folder, name)) and _is_notebook(name)]
        below[:] = sorted(name for name in below if not _hidden(name)) if len(place) < DEEPEST - 1 else []
        for name in sorted(names) + linked:
            if _looked_at((*place, name)):
                path = Path(folder, name)
                read = partial(_read_file, path) if _is_notebook(name) else partial(_no_notebook, name)
                yield (*place, name), read, _file_time(path)
    for folder in closed:
        place = Path(folder).relative_to(source).parts
        yield (*place, UNREADABLE), partial(_closed_folder), datetime.fromtimestamp(0, UTC)


def _file_time(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return datetime.max.replace(tzinfo=UTC)  # gone since, or a time that no calendar has


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
            return bounded(file.read(reading.LARGEST_FILE + 1))
    except OSError as error:
        raise Unusable(f"the file cannot be read ({type(error).__name__})") from None


def _zip_entries(source: Path) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(source)  # open as long as its files are: to open it is to read its whole table
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise NoSubmissions(f"{source} cannot be read as a zip file ({error}): download it again") from None
    listed, one_at_a_time = archive.infolist(), Lock()
    if len(listed) > MOST_FILES:
        raise NoSubmissions(f"{source} holds more than {MOST_FILES} files: that is no download of submissions")
    wrapped = all(info.filename.startswith(f"{source.stem}/") for info in listed)
    for info in listed:
        path = PurePosixPath(info.filename.replace("\\", "/").removeprefix(f"{source.stem}/" if wrapped else ""))
        if info.is_dir() or len(info.filename) > LONGEST_PATH or path.is_absolute() or ".." in path.parts:
            continue
        if path.parts and _looked_at(path.parts):
            packed = partial(_read_zipped, archive, one_at_a_time, info)
            yield path.parts, packed if _is_notebook(path.name) else partial(_no_notebook, path.name), _zip_time(info)


def _zip_time(info: zipfile.ZipInfo) -> datetime:
    try:
        return datetime(*info.date_time)
    except ValueError:
        return datetime(1980, 1, 1)  # what a zip file says when it does not know


def _read_zipped(archive: zipfile.ZipFile, one_at_a_time: Lock, info: zipfile.ZipInfo) -> bytes:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Unusable("the file is a link: hand in the notebook itself")
    try:
        with one_at_a_time, archive.open(info) as file:
            return bounded(file.read(reading.LARGEST_FILE + 1))
    except Unusable:
        raise
    except Exception as error:  # noqa: BLE001 - each way of packing has its own errors (zlib, lzma, memory ...)
        raise Unusable(f"the file in the archive cannot be read ({type(error).__name__})") from None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in NOBODYS


def _by_layout(entry: Entry, wrapped: bool) -> File:
    """Whose file it is. What lies alone at the top and bears no name of a platform is nobody's."""
    path, read, modified = entry
    parts = path[1:] if wrapped and len(path) > 1 else path
    found = platforms.by_platform(parts)
    if found:
        return File("_".join(found.who), found.within, read, modified, found.late, found.who, found.attempt, path)
    student, within = (parts[0], parts[1:]) if len(parts) > 1 else ("", parts)
    return File(student, within, read, modified, path=path)


def printable(name: str) -> str:
    """A name without what is not to be seen: NFC, no control or direction characters, single spaces."""
    name = unicodedata.normalize("NFC", writable(name))
    return " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name).split())


def clean_name(name: str) -> str:
    """A name that is safe in a path, a table and a page: NFC, no control or direction characters, no separators."""
    name = re.sub(r'[/\\:*?"<>|]', "_", printable(name)).strip(". ")
    name = name[:80].encode()[:LONGEST_NAME].decode("utf-8", "ignore")
    return name.strip(". ") or "unnamed"
