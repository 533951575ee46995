"""Finds what was handed in: folders and archives to files, each with its student.

A folder or zip file with `<student>/<exercise>.ipynb`, nbgrader's `<student>/<assignment>/<exercise>.ipynb`, or a
download from a platform (`doors`). Only notebooks and a platform's own notes are read, never copied; each is checked
for kind and size before its bytes are read. Nothing is unpacked to disk.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from course_utils.staff.grading.intake import doors, reading, zips
from course_utils.staff.grading.intake.classroom import GIT, log
from course_utils.staff.grading.intake.gradescope import METADATA
from course_utils.staff.grading.intake.named import Known, Named, Parts
from course_utils.staff.grading.intake.reading import Unusable, bounded, writable
from course_utils.staff.grading.intake.zips import Entry
from course_utils.staff.grading.plain_text import safe_cell

LONGEST_NAME = 200  # bytes of a student's name in UTF-8: file systems allow 255, and endings come to it
DEEPEST = 6  # parts of a notebook's path
OTHERS_DEEPEST = 4  # parts of the path of another file: a clone has hundreds
MOST_PACKED = 2_000  # notebooks in a zip file among the files
UNREADABLE = "a folder that cannot be read"  # stands in the place of a file

NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?", re.I)  # browsers and mail programs add an ending
OTHER_KINDS = frozenset(
    ".py .pdf .html .htm .zip .rar .7z .gz .tar .doc .docx .odt .rtf .txt .md .json .jpg .jpeg .png".split()
)
NEVER = datetime.fromtimestamp(0, UTC)
NOBODYS = frozenset(("__MACOSX", "__pycache__", "node_modules", "site-packages"))  # folders that programs make


class NoSubmissions(ValueError):
    """The operator named something that holds no submissions; the text says what is expected."""


@dataclass(frozen=True)
class File:
    """A file that was handed in. `read` gives its bytes, or raises Unusable.

    `modified` is when it was handed in, where a platform says that; it has no time zone where none is told. `late` is
    what a platform says, `platform` how it knows the student, and the highest `attempt` is their last one there.
    """

    student: str  # "" is nobody
    parts: tuple[str, ...]  # its path below the student's folder
    read: Callable[[], bytes]
    modified: datetime
    late: bool = False
    platform: Known | None = None
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
        elif zips.is_zip(source):
            entries = [entry for entry in zips.entries(source) if _looked_at(entry.path)]
        else:
            what = "is neither a folder nor a zip file of submissions" if source.exists() else "is not there"
            raise NoSubmissions(f"{source} {what}")
        entries = [one for entry in entries for one in _unpacked(entry)]
        by_path = {entry.path: entry for entry in entries}
        above, named = doors.names(by_path, lambda path: _note(by_path.get(path)), _is_notebook)
        inside = source.joinpath(*above)
        folders = [entry.name for entry in os.scandir(inside) if entry.is_dir()] if inside.is_dir() else []
    except zips.BadArchive as reason:
        raise NoSubmissions(f"{source} cannot be read as a zip file ({reason}): download it again") from None
    except OSError as error:
        raise NoSubmissions(f"{source} cannot be read: {error.strerror}") from None
    everything = [
        file for entry in entries if entry.path[-1] not in (GIT, METADATA) for file in _files(entry, above, named)
    ]
    with_notebook = {file.student for file in everything if file.is_notebook}
    files, beside = [], []
    for file in everything:
        is_work = file.student and (file.is_notebook or file.student not in with_notebook)
        (files if is_work else beside).append(file)
    owners = {file.student for file in files} | set(_with_empty_folders(folders, above, named))
    if not owners:
        raise NoSubmissions(
            f"{source} holds no submissions: expected <student>/<exercise>.ipynb, or a download from one of "
            f"{', '.join(map(str.capitalize, sorted(doors.DOORS)))}"
        )
    names, renamed = _distinct_names(owners)
    files, beside = (
        sorted((_cleaned(file, names) for file in these), key=lambda file: (file.student, file.parts))
        for these in (files, beside)
    )
    return Found(sorted(names.values()), files, beside, renamed)


def _with_empty_folders(folders: list[str], above: Parts, named: dict[Parts, Named]) -> Iterator[str]:
    """The students whose folders these are, those with nothing in them too."""
    known = {path[len(above)] for path in named}
    for folder in folders:  # a link is among them, and is not entered
        if folder not in known and not _hidden(folder):
            said = doors.names([(folder, UNREADABLE)], lambda path: "", _is_notebook)[1]
            yield from (student for one in said.values() for student, _ in one.who) if said else (folder,)


def _cleaned(file: File, names: dict[str, str]) -> File:
    """The file with names that can be shown."""
    return replace(
        file,
        student=names.get(file.student, ""),
        parts=tuple(map(printable, file.parts)),
        path=tuple(map(printable, file.path)),
        platform=file.platform and file.platform._replace(name=printable(file.platform.name)),
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
    if parts[-1] == METADATA:
        return True
    return len(parts) <= OTHERS_DEEPEST and _ending(parts[-1]).lower() in OTHER_KINDS


def _closed_folder() -> bytes:
    raise Unusable("the folder cannot be read")


def _linked_folder() -> bytes:
    raise Unusable("the folder is a link: put the folder itself there")


def _no_notebook(name: str) -> bytes:
    ending = _ending(name).lower()
    raise Unusable(f"this is a {ending} file and no notebook: hand in the .ipynb file itself")


def _unpacked(entry: Entry) -> list[Entry]:
    """A file; of a zip file among the files those in it, where it can be read and they are not too many."""
    if _ending(entry.path[-1]).lower() != ".zip":
        return [entry]
    inside = [one for one in zips.nested(entry) if _looked_at(one.path)]
    return [entry] if not inside or sum(_is_notebook(one.path[-1]) for one in inside) > MOST_PACKED else inside


def _note(entry: Entry | None) -> str:
    """The text of what a platform has laid among the files."""
    try:
        return entry.read().decode("utf-8", "replace") if entry else ""
    except Unusable:
        return ""


def _folder_entries(source: Path) -> Iterator[Entry]:
    closed: list[str] = []
    for folder, below, names in os.walk(source, followlinks=False, onerror=lambda error: closed.append(error.filename)):
        place = Path(folder).relative_to(source).parts
        links = [name for name in sorted(below) if os.path.islink(os.path.join(folder, name)) and not _hidden(name)]
        linked = [name for name in links if _is_notebook(name)]
        for name in set(links) - set(linked):
            yield Entry((*place, name, UNREADABLE), _linked_folder, NEVER)
        if GIT in below and place:
            yield Entry((*place, GIT), lambda folder=folder: log(Path(folder)).encode(), NEVER)
        below[:] = sorted(name for name in below if not _hidden(name)) if len(place) < DEEPEST - 1 else []
        for name in sorted(names) + linked:
            if _looked_at((*place, name)):
                path = Path(folder, name)
                yield Entry((*place, name), partial(_read_file, path), _file_time(path))
    for folder in closed:
        place = Path(folder).relative_to(source).parts
        yield Entry((*place, UNREADABLE), _closed_folder, NEVER)


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


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in NOBODYS


def _files(entry: Entry, above: Parts, named: dict[Parts, Named]) -> Iterator[File]:
    """Whose file it is: of each member of a team. What lies alone at the top and bears no name of a platform is
    nobody's."""
    path, read, modified = entry
    if not _is_notebook(path[-1]) and path[-1] != UNREADABLE:
        read = partial(_no_notebook, path[-1])
    said = named.get(path)
    if said:
        for student, known in said.who:
            yield File(student, said.within, read, said.time or modified, said.late, known, said.attempt, path)
        return
    parts = path[len(above) :] if path[: len(above)] == above else path
    student, within = (parts[0], parts[1:]) if len(parts) > 1 else ("", parts)
    yield File(re.sub(r"\.zip$", "", student, flags=re.I), within, read, modified, path=path)


def printable(name: str) -> str:
    """A name without what is not to be seen: NFC, no control or direction characters, single spaces."""
    name = unicodedata.normalize("NFC", writable(name))
    return " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name).split())


def clean_name(name: str) -> str:
    """A name that is safe in a path, a table and a page: NFC, no control or direction characters, no separators."""
    name = re.sub(r'[/\\:*?"<>|]', "_", printable(name)).strip(". ")
    name = name[:80].encode()[:LONGEST_NAME].decode("utf-8", "ignore")
    return name.strip(". ") or "unnamed"
