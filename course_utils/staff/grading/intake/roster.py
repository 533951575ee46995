"""The list of students with their deadlines: who is missing, and who is late."""

from __future__ import annotations

import contextlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone, tzinfo
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from course_utils.staff.grading.intake import doors
from course_utils.staff.grading.intake.named import Known
from course_utils.staff.grading.tables import read_rows, read_table

LONGEST_STUDENT = 200  # bytes in UTF-8, of a name that becomes a folder's
Platform = Known | tuple[str, ...]  # the name and the number by which a learning platform knows a student

LATE = "late"  # how the note on a late file begins


class BadRoster(ValueError):
    """The roster cannot be used; the text says where it is wrong."""


@dataclass(frozen=True)
class Enrolled:
    """One line of the roster. Without a deadline nobody is late; one may have no time zone of its own.

    What follows the deadlines, exports to platforms use; `row` is the line's place in a platform's own table.
    """

    student: str
    name: str
    deadline: datetime | None
    id: str = ""
    login: str = ""
    email: str = ""
    section: str = ""
    group: str = ""
    participant: str = ""  # the number of Moodle's worksheet
    deadlines: dict[str, datetime] = field(default_factory=dict)  # by exercise, before `deadline`
    row: int = -1

    def due(self, exercise: str) -> datetime | None:
        return self.deadlines.get(exercise, self.deadline)


FURTHER = ("id", "login", "email", "section", "group", "participant")


def read(path: Path, known: Collection[str] = ()) -> dict[str, Enrolled]:
    """The roster: a CSV file with the columns student, name, deadline (like 2026-11-30 18:00), or a gradebook that a
    platform has exported. Raises BadRoster.

    A deadline without a time is the end of that day; one with an offset (`+02:00`) or `Z` keeps it. The columns id,
    login, email, section, group and, for an exercise of `known`, `deadline_01_chain_rule` may be there too.
    """
    own = own_table(path)
    people = list(own.people()) if own else []
    try:
        rows = [] if own else read_table(path, ("student",))
        columns = {column for row in (*(row for _, row in rows), *(cells for *_, cells in people)) for column in row}
        exercises = {column: name for column in columns if (name := _exercise(column, known))}
    except ValueError as reason:
        raise BadRoster(f"the roster cannot be used: {reason} (its columns are student,name,deadline)") from None
    due = partial(_due, path, exercises)
    lines = [(number, _line(path, number, row, *due(number, row))) for number, row in rows]
    for at, said, cells in people:
        number = own.rows[at][0] if own else 0
        said = {"group": cells.get("group", "")} | said  # a column that the operator has put there
        lines.append((number, _of_platform(path, number, said, at, *due(number, cells))))
    if not lines:
        raise BadRoster(f"the roster {path} names nobody: it needs a line for each student")
    enrolled: dict[str, Enrolled] = {}
    for number, one in lines:
        if one.student in enrolled:
            raise BadRoster(f"{path}, line {number}: {one.student} stands there twice")
        enrolled[one.student] = one
    return enrolled


def own_table(path: Path) -> doors.Own | None:
    """The table of a platform that the roster is, or None."""
    try:
        return doors.own_table(read_rows(path))
    except ValueError as reason:
        raise BadRoster(f"the roster cannot be used: {reason} (its columns are student,name,deadline)") from None


def _exercise(column: str, known: Collection[str]) -> str:
    """The exercise of a column `deadline_01_chain_rule`, or `deadline_01`; "" for another column."""
    wanted = column.removeprefix("deadline_") if column.startswith("deadline_") else ""
    short = wanted.zfill(2) if wanted.isdecimal() else ""
    found = next((name for name in known if wanted and (name.lower() == wanted or name[:3] == f"{short}_")), "")
    if wanted and known and not found:
        raise ValueError(f"{column} is for no exercise of this course: a column is called deadline_{sorted(known)[0]}")
    return found or wanted


def _due(
    path: Path, exercises: dict[str, str], number: int, row: dict[str, str]
) -> tuple[datetime | None, dict[str, datetime]]:
    """The deadline of a line, and those of its own that exercises have."""
    each = {name: _deadline(path, number, row.get(column, "")) for column, name in exercises.items()}
    return _deadline(path, number, row.get("deadline", "")), {name: when for name, when in each.items() if when}


def _line(
    path: Path, number: int, row: dict[str, str], deadline: datetime | None, deadlines: dict[str, datetime]
) -> Enrolled:
    if not row.get("student"):
        raise BadRoster(f"{path}, line {number}: no student")
    fault = _no_folder(row["student"])
    if fault:
        raise BadRoster(
            f"{path}, line {number}: student {row['student'][:80]!r} {fault}, so no folder can have that "
            "name: write the name of the student's folder, or the number of the platform"
        )
    one = Enrolled(row["student"], row.get("name", ""), deadline, deadlines=deadlines)
    return replace(one, **{key: row.get(key, "") for key in FURTHER})


def _of_platform(
    path: Path, number: int, said: dict[str, str], row: int, deadline: datetime | None, deadlines: dict[str, datetime]
) -> Enrolled:
    """A line of a platform's own table; who is called what no folder can be called goes by another key."""
    keys = (said["student"], *(said.get(key, "") for key in ("id", "login", "email")))
    student = next((key for key in keys if key and not _no_folder(key)), "")
    if not student:
        raise BadRoster(f"{path}, line {number}: neither {said['student'][:80]!r} nor a number can be a folder's name")
    one = Enrolled(student, said.get("name", ""), deadline, deadlines=deadlines, row=row)
    return replace(one, **{key: said.get(key, "") for key in FURTHER})


def _no_folder(student: str) -> str:
    """Why pages cannot lie in a folder of this name, or ""."""
    if any(unicodedata.category(letter)[0] == "C" for letter in student):
        return "has a character that is not to be seen"
    if "/" in student or "\\" in student or student in (".", ".."):
        return "is a path"
    return "is too long" if len(student.encode()) > LONGEST_STUDENT else ""


def _deadline(path: Path, number: int, text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise BadRoster(f"{path}, line {number}: deadline {text!r} is not a time like 2026-11-30 18:00") from None
    return when + timedelta(days=1) if when and len(text) <= len("2026-11-30") else when


def teams(students: Mapping[str, Platform | None], roster: dict[str, Enrolled]) -> dict[str, list[str]]:
    """Those who are a group of the roster and no student, each with its members."""
    members: dict[str, list[str]] = defaultdict(list)
    for line in roster.values():
        if line.group:
            members[_letters(line.group)].append(line.student)
    named = {student: {_letters(student), _letters(known[0] if known else "")} for student, known in students.items()}
    found = {student: next((members[one] for one in keys if one in members), []) for student, keys in named.items()}
    return {student: who for student, who in found.items() if who and student not in roster}


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, _folded(name)))


def match(students: Mapping[str, Platform | None], roster: dict[str, Enrolled]) -> dict[str, str]:
    """For each who handed in, the roster's name of them, or their own where the roster does not know them.

    students: by name, what a platform calls them (display name and number), or None. The name counts before the
    platform's number, that before its display name, and the roster's id comes last. A line is one person's: what two
    lines or two people could claim is nobody's.
    """
    matched: dict[str, str] = {}
    for keys, line_keys in RULES:
        lines: dict[str, set[str]] = defaultdict(set)
        for line in roster.values():
            for key in filter(None, line_keys(line)) if line.student not in matched.values() else ():
                lines[key].add(line.student)
        claims = {
            student: set().union(*(lines[key] for key in keys(student, known) if key))
            for student, known in students.items()
            if student not in matched
        }
        claimed = Counter(line for found in claims.values() for line in found)
        matched |= {s: line for s, found in claims.items() if len(found) == 1 for line in found if claimed[line] == 1}
    return {student: matched.get(student, student) for student in students}


def _folded(name: str) -> str:
    """A name without what is the same to people: case, kinds of space, and how an accent is encoded."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _orders(name: str) -> list[str]:
    """The letters of a name, with its words in every order that begins elsewhere: Canvas has `mustermaria`."""
    words = ["".join(filter(str.isalnum, word)) for word in _folded(name.replace(",", " ")).split()]
    return ["".join(words[at:] + words[:at]) for at in range(len(words))]


def _logins(known: Platform | None) -> list[str]:
    """What a student is called by a platform whose "number" is no number of its own making."""
    ours = isinstance(known, Known) and known.door in ("blackboard", "classroom", "gradescope", "sakai")
    return [_folded(one) for one in known[1:3]] if known and ours else []


# How a student and a line of the roster find each other, the surest way first: the keys of each.
RULES: tuple[tuple[Callable[[str, Platform | None], list[str]], Callable[[Enrolled], list[str]]], ...] = (
    (lambda student, known: [student], lambda line: [line.student]),
    (lambda student, known: [_folded(student)], lambda line: [_folded(line.student)]),
    (lambda student, known: [known[1]] if known else [], lambda line: [line.student]),
    (lambda student, known: [known[1]] if known and known[3:] == ("moodle",) else [], lambda line: [line.participant]),
    (lambda student, known: _logins(known), lambda line: [_folded(line.login)]),
    (lambda student, known: _logins(known), lambda line: [_folded(line.email)]),
    (lambda student, known: [_folded(known[0])] if known else [], lambda line: [_folded(line.student)]),
    (lambda student, known: [_folded(known[0] if known else student)], lambda line: [_folded(line.name)]),
    (lambda student, known: _orders(known[0])[:1] if known else [], lambda line: _orders(line.name)),
    (lambda student, known: [known[1]] if known else [], lambda line: [line.id]),
)


def lateness(modified: datetime, deadline: datetime | None, platform_says: bool, zone: tzinfo | None = None) -> str:
    """A note for the messages of a late file; "" for one in time.

    zone: that of times that tell none; None: this machine's.
    """
    if deadline:
        late = delay(modified, deadline, zone)
        return f"{LATE} by {_in_words(late)}" if late else ""
    return f"{LATE}, says the platform" if platform_says else ""


def delay(modified: datetime, deadline: datetime, zone: tzinfo | None = None) -> timedelta:
    """How late a file is; nothing for one in time."""
    return max(_moment(modified, zone) - _moment(deadline, zone), timedelta(0))


def _moment(time: datetime, zone: tzinfo | None) -> datetime:
    if time.tzinfo:
        return time
    return time.replace(tzinfo=zone) if zone else time.astimezone()


def zone_named(name: str) -> tzinfo:
    """A time zone from a name (Europe/Berlin, UTC) or an offset (+02:00). Raises BadRoster."""
    if name[:1] in ("+", "-"):
        with contextlib.suppress(ValueError):
            return timezone(datetime.fromisoformat(f"2000-01-01T00:00{name}").utcoffset() or timedelta(0))
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise BadRoster(f"--timezone {name!r} is no time zone: it is like Europe/Berlin, UTC or +02:00") from None


def zone_said(enrolled: dict[str, Enrolled], zone: tzinfo | None) -> str:
    """In which time zone deadlines were taken that tell none; "" where there is none of them."""
    every = [when for line in enrolled.values() for when in (line.deadline, *line.deadlines.values())]
    times = [when for when in every if when and when.tzinfo is None]
    if not times:
        return ""
    here = max(times).astimezone()
    which = zone or f"that of this machine, {here.tzname()}, UTC{here:%z}"
    return f"time zone of deadlines that tell none: {which} (--timezone names another)"


def is_late(note: str) -> bool:
    """Whether a record's note says that the file was late."""
    return note.startswith(LATE)


def _in_words(delay: timedelta) -> str:
    minutes = max(1, round(delay.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"
