"""The list of students with their deadlines: who is missing, and who is late."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path


class BadRoster(ValueError):
    """The roster cannot be used; the text says where it is wrong."""


@dataclass(frozen=True)
class Enrolled:
    """One line of the roster. Without a deadline nobody is late."""

    student: str
    name: str
    deadline: datetime | None


def read(path: Path) -> dict[str, Enrolled]:
    """The roster, a CSV file with the columns student, name, deadline (like 2026-11-30 18:00). Raises BadRoster."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRoster(f"the roster {path} cannot be read: {error}") from None
    if not rows or not rows[0].get("student"):
        raise BadRoster(f"the roster {path} needs a first line `student,name,deadline` and a line for each student")
    enrolled = [_line(path, number, row) for number, row in enumerate(rows, start=2)]
    return {one.student: one for one in enrolled}


def _line(path: Path, number: int, row: dict) -> Enrolled:
    student, name, deadline = ((row.get(key) or "").strip() for key in ("student", "name", "deadline"))
    try:
        when = datetime.fromisoformat(deadline).replace(tzinfo=None) if deadline else None
    except ValueError:
        raise BadRoster(f"{path}, line {number}: deadline {deadline!r} is not a time like 2026-11-30 18:00") from None
    if not student:
        raise BadRoster(f"{path}, line {number}: no student")
    return Enrolled(student, name, when)


def match(student: str, roster: dict[str, Enrolled]) -> str:
    """The roster's name of who handed in: the same, or the part of a platform's `name_number` that the roster knows."""
    name, _, number = student.rpartition("_")
    return next((known for known in (student, number, name) if known in roster), student)


def lateness(modified: datetime, deadline: datetime | None, platform_says: bool) -> str:
    """A note for the messages of a late file; "" for one in time."""
    if deadline and modified > deadline:
        return f"late by {_in_words(modified - deadline)}"
    return "late, says the platform" if platform_says and deadline is None else ""


def _in_words(delay: timedelta) -> str:
    minutes = max(1, round(delay.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"
