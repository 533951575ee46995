"""Where the course is: one answer for every command."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


class NoCourse(LookupError):
    """There is no copy of the course here; the text says what to do."""


def is_course(folder: Path) -> bool:
    """Whether a folder is a clone of the course's repository, or a copy of it that was handed out."""
    return (folder / "course_utils").is_dir() and (folder / "notebooks").is_dir()


def find_course(start: Path | None = None) -> Path | None:
    """The folder of the course, or None.

    It is the clone that this package lies in. Where the package was installed from a wheel, it is the clone around the
    folder `start` (the current one): in it, or above it. In this order, since the folder that somebody stands in may
    be a student's clone, whose solutions nobody should grade with.
    """
    here = Path.cwd() if start is None else start.resolve()
    return next((folder for folder in (PACKAGE.parent, here, *here.parents) if is_course(folder)), None)


def work_folder(root: Path) -> Path:
    """Where a student's own notebooks are: COURSE_WORK (`course lab --work DIR`), else work/ in the course."""
    return Path(os.environ.get("COURSE_WORK") or root / "work").absolute()


def course_folder(start: Path | None = None) -> Path:
    """The folder of the course, as `find_course` finds it. Raises NoCourse."""
    found = find_course(start)
    if found is None:
        raise NoCourse(
            "this needs the notebooks of the course, which an installed package does not hold: "
            "go into a clone of the course's repository and call it there"
        )
    return found
