"""The list of students with their deadlines: who is missing, and who is late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from course_utils.grading.tables import read_table

LATE = "late"  # how the note on a late file begins


class BadRoster(ValueError):
    """The roster cannot be used; the text says where it is wrong."""


@dataclass(frozen=True)
class Enrolled:
    """One line of the roster. Without a deadline nobody is late. What follows it, exports to platforms use."""

    student: str
    name: str
    deadline: datetime | None
    id: str = ""
    login: str = ""
    email: str = ""
    section: str = ""


def read(path: Path) -> dict[str, Enrolled]:
    """The roster, a CSV file with the columns student, name, deadline (like 2026-11-30 18:00). Raises BadRoster.

    A deadline without a time is the end of that day. The columns id, login, email and section may be there too.
    """
    try:
        rows = read_table(path, ("student",))
    except ValueError as reason:
        raise BadRoster(f"the roster cannot be used: {reason} (its columns are student,name,deadline)") from None
    if not rows:
        raise BadRoster(f"the roster {path} names nobody: it needs a line for each student")
    enrolled: dict[str, Enrolled] = {}
    for number, row in rows:
        one = _line(path, number, row)
        if one.student in enrolled:
            raise BadRoster(f"{path}, line {number}: {one.student} stands there twice")
        enrolled[one.student] = one
    return enrolled


def _line(path: Path, number: int, row: dict[str, str]) -> Enrolled:
    if not row.get("student"):
        raise BadRoster(f"{path}, line {number}: no student")
    further = {key: row.get(key, "") for key in ("id", "login", "email", "section")}
    return Enrolled(row["student"], row.get("name", ""), _deadline(path, number, row.get("deadline", "")), **further)


def _deadline(path: Path, number: int, text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text).replace(tzinfo=None) if text else None
    except ValueError:
        raise BadRoster(f"{path}, line {number}: deadline {text!r} is not a time like 2026-11-30 18:00") from None
    return when + timedelta(days=1) if when and len(text) <= len("2026-11-30") else when


def match(student: str, roster: dict[str, Enrolled]) -> str:
    """The roster's name of who handed in: the same, or the part of a platform's `name_number` that the roster knows."""
    name, _, number = student.rpartition("_")
    return next((known for known in (student, number, name) if known in roster), student)


def lateness(modified: datetime, deadline: datetime | None, platform_says: bool) -> str:
    """A note for the messages of a late file; "" for one in time."""
    if deadline and modified > deadline:
        return f"{LATE} by {_in_words(modified - deadline)}"
    return f"{LATE}, says the platform" if platform_says and deadline is None else ""


def is_late(note: str) -> bool:
    """Whether a record's note says that the file was late."""
    return note.startswith(LATE)


def _in_words(delay: timedelta) -> str:
    minutes = max(1, round(delay.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"
