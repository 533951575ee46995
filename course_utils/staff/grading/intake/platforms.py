"""What learning platforms make of the names of files and folders."""

from __future__ import annotations

import re
from dataclasses import dataclass

CANVAS = re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d+)_(?P<attempt>\d+)_(?P<file>.+)", re.I | re.S)
MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)", re.I | re.S)
GRADESCOPE = re.compile(r"submission_\d+", re.I)
LONGEST_NUMBER = 18  # digits: what follows is no number of a platform


@dataclass(frozen=True)
class Named:
    """What a platform's name says: who (display name and number), which file, which attempt, and whether it is late."""

    who: tuple[str, str]
    within: tuple[str, ...]
    attempt: int = 0  # of the files of one student the highest is the last
    late: bool = False


def by_platform(parts: tuple[str, ...]) -> Named | None:
    """What the first part of a path says, where a platform has named it. Canvas names files, Moodle folders too."""
    found = MOODLE.fullmatch(parts[0]) or (CANVAS.fullmatch(parts[0]) if len(parts) == 1 else None)
    if found is None:
        return None
    said = found.groupdict()
    attempt = int((said.get("attempt") or "0")[-LONGEST_NUMBER:])
    return Named((found["name"], found["id"]), parts[1:] or (found["file"],), attempt, bool(said.get("late")))


def owner(folder: str) -> str:
    """The student whose folder this is."""
    found = MOODLE.fullmatch(folder)
    return f"{found['name']}_{found['id']}" if found else folder


def is_one_submission(folder: str) -> bool:
    """Whether a platform calls what is in this folder one submission."""
    return bool(MOODLE.fullmatch(folder) or GRADESCOPE.fullmatch(folder))
