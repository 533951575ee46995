"""Moodle: `<full name>_<participant>_assignsubmission_file[_]/<file>`, or without folders `..._file_<file>`.

The name is "Participant" where marking is blind. For a team it is the group's name with the *group's* number, which is
no participant, and no number for the default group: the roster says who is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from course_utils.staff.grading.intake.named import Known, Named, Parts, Text, with_number

NAME = re.compile(
    r"(?P<name>.+?)(?:_(?P<number>\d+))?_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?", re.I | re.S
)

TABLES = (  # the grading worksheet of an assignment; what Grades > Export gives
    ("identifier", "status", "grade"),
    ("first name", "email address"),
)


def names(paths: Iterable[Parts], text: Text) -> dict[Parts, Named]:
    named = {}
    for path in paths:
        found = NAME.fullmatch(path[0])
        if found:
            known = Known(found["name"], found["number"] or "", door="moodle")
            within = (found["file"], *path[1:]) if found["file"] else path[1:]
            named[path] = Named((with_number(known),), within or path)
    return named


def folder(known: Known) -> str:
    """The folder in which *Upload multiple feedback files in a zip* looks for this participant's."""
    return f"{' '.join(known.name.replace('_', ' ').split())}_{known.number}_assignsubmission_file_"


def person(row: dict[str, str]) -> dict[str, str]:
    """Who a row of a worksheet, or of the exported grades, is."""
    email, number = row.get("email address", ""), row.get("id number", "")
    login, group = row.get("username", ""), row.get("group", "")
    said = {"id": number, "login": login, "email": email, "group": "" if group == "Default group" else group}
    if "identifier" in row:
        participant = re.sub(r"\D", "", row["identifier"])
        name = row.get("full name", "")
        student = with_number(Known((name or "Participant").replace("_", " "), participant))[0]
        return said | {"student": student, "name": name, "participant": participant} if participant else {}
    name = " ".join(filter(None, (row["first name"], row.get("surname") or row.get("last name", ""))))
    return said | {"student": login or number or email, "name": name}
