"""Sakai: `<assignment>/<Last, First(login)>/Submission attachment(s)/<file>` and `timestamp.txt`; a team's folder is
`<group> (<number>)` with `members.txt`. Without folders: `<Last, First(login)>_Submission attachment(s)_<file>`.

What lies beside that is the instructor's own feedback or a note of Sakai's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from course_utils.staff.grading.intake.named import Known, Named, Parts, Text, moment

ATTACHMENTS, FEEDBACK = "Submission attachment(s)", "Feedback Attachment(s)"
FLAT = re.compile(r"(?P<folder>.+\([^()]+\))_" + re.escape(ATTACHMENTS) + r"_(?P<file>.+)", re.S)
PERSON = re.compile(r"\s*(?P<name>[^;]*?),?\s*\((?P<login>[^();]+)\)\s*")
TIME, MEMBERS, GRADES = "timestamp.txt", "members.txt", "grades.csv"
NOTES = re.compile(r"timestamp\.txt|members\.txt|comments\.txt|feedbackText\.html")
TABLES = (("display id", "id", "last name", "first name"),)  # of grades.csv, below its title


def names(paths: Iterable[Parts], text: Text) -> dict[Parts, Named]:
    paths = list(paths)
    notes = {path for path in paths if len(path) == 2 and path[1] in (TIME, MEMBERS)}
    folders = {path[0] for path in paths if len(path) > 2 and path[1] == ATTACHMENTS} | {
        folder for folder, name in notes if name == TIME and PERSON.fullmatch(folder)
    }
    named = {}
    for path in paths:
        flat = FLAT.fullmatch(path[0])
        if flat:
            named[path] = Named(_people(flat["folder"], ""), (flat["file"], *path[1:]))
        elif path[0] in folders and len(path) > 1:
            folder, own = path[0], not (NOTES.fullmatch(path[1]) or path[1] == FEEDBACK)
            members = text((folder, MEMBERS)) if (folder, MEMBERS) in notes else ""
            time = _time(text((folder, TIME))) if (folder, TIME) in notes else None
            named[path] = Named(_people(folder, members) if own else (), path[2:] or path[1:], time=time)
    return named


def _people(folder: str, members: str) -> tuple[tuple[str, Known], ...]:
    """Who is behind a folder; anonymous ones are called as it is."""
    found = [match for one in (members or folder).split(";") if (match := PERSON.fullmatch(one))]
    people = tuple((one["login"], Known(one["name"], one["login"], door="sakai")) for one in found)
    return people or ((folder, Known("", "", door="sakai")),)


def _time(written: str) -> datetime | None:
    """`2026-11-30T18:00:00.123Z`; versions before had `20261130180000123`, in UTC too."""
    time = moment(written) or moment(written.strip()[:14], "%Y%m%d%H%M%S")
    return time and (time if time.tzinfo else time.replace(tzinfo=UTC))


def person(row: dict[str, str]) -> dict[str, str]:
    """Who a row of grades.csv is."""
    name = " ".join(filter(None, (row["first name"], row["last name"])))
    return {"student": row["id"], "name": name, "id": row["display id"], "login": row["id"]}
