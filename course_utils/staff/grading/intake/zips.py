"""Plain zip files: their files, also those of the zip files in them, one level deep. Nothing is unpacked to disk."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import NamedTuple

from course_utils.staff.grading.intake import reading
from course_utils.staff.grading.intake.named import Parts
from course_utils.staff.grading.intake.reading import Unusable, bounded

LONGEST_PATH = 1_000  # characters of a name in an archive
MOST_FILES = 100_000
MOST_NESTED = 20_000  # files in an archive that a student handed in
UTF8 = 0x800  # the flag of a name in UTF-8


class Entry(NamedTuple):
    """A file that was found: its path, what reads its bytes (or raises Unusable), and its time."""

    path: Parts
    read: Callable[[], bytes]
    modified: datetime


class BadArchive(ValueError):
    """What is called a zip file cannot be read as one; the text says why."""


def is_zip(source: Path) -> bool:
    if not source.is_file():
        return False
    with source.open("rb") as file:
        return zipfile.is_zipfile(file)


def entries(source: Path) -> Iterator[Entry]:
    """The files of an archive. Raises BadArchive."""
    try:
        archive = zipfile.ZipFile(source)  # open as long as its files are: to open it is to read its whole table
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise BadArchive(str(error)) from None
    if len(archive.infolist()) > MOST_FILES:
        raise BadArchive(f"it holds more than {MOST_FILES} files")
    one_at_a_time = Lock()
    yield from _within(archive, source.stem, lambda info: partial(_read, archive, one_at_a_time, info))


def nested(outer: Entry) -> list[Entry]:
    """The files of an archive that lies among the files; none where it cannot be read."""
    with suppress(Unusable, zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError):
        archive = _opened(outer.read)
        if len(archive.infolist()) <= MOST_NESTED:
            inside = _within(
                archive, PurePosixPath(outer.path[-1]).stem, lambda info: partial(_again, outer.read, info)
            )
            return [entry._replace(path=(*outer.path, *entry.path)) for entry in inside]
    return []


@lru_cache(maxsize=2)  # the next file that is read is mostly of the same archive
def _opened(read: Callable[[], bytes]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(read()))


def _again(read: Callable[[], bytes], info: zipfile.ZipInfo) -> bytes:
    return _read(_opened(read), Lock(), info)


def _within(
    archive: zipfile.ZipFile, stem: str, reader: Callable[[zipfile.ZipInfo], Callable[[], bytes]]
) -> Iterator[Entry]:
    named = [(info, name(info)) for info in archive.infolist()]
    around = f"{stem}/" if all(path.startswith(f"{stem}/") for _, path in named) else ""
    for info, full in named:
        path = PurePosixPath(full.replace("\\", "/").removeprefix(around))
        leaves = path.is_absolute() or ".." in path.parts
        if path.parts and not info.is_dir() and len(full) <= LONGEST_PATH and not leaves:
            yield Entry(path.parts, reader(info), _time(info))


def name(info: zipfile.ZipInfo) -> str:
    """The name of a file. One without the flag of UTF-8 may be UTF-8 all the same (macOS), else it is code page 437."""
    if not info.flag_bits & UTF8:
        with suppress(UnicodeError):
            return info.filename.encode("cp437").decode("utf-8")
    return info.filename


def _time(info: zipfile.ZipInfo) -> datetime:
    try:
        return datetime(*info.date_time)
    except ValueError:
        return datetime(1980, 1, 1)  # what a zip file says when it does not know


def _read(archive: zipfile.ZipFile, one_at_a_time: Lock, info: zipfile.ZipInfo) -> bytes:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Unusable("the file is a link: hand in the notebook itself")
    try:
        with one_at_a_time, archive.open(info) as file:
            return bounded(file.read(reading.LARGEST_FILE + 1))
    except Unusable:
        raise
    except Exception as error:  # noqa: BLE001 - each way of packing has its own errors (zlib, lzma, memory ...)
        raise Unusable(f"the file in the archive cannot be read ({type(error).__name__})") from None
