"""Brightspace: `<user>-<folder> - <name> - <date> - <file>`, or a folder called so as far as the date."""

from __future__ import annotations

import re
from collections.abc import Iterable

from course_utils.staff.grading.intake.named import Known, Named, Parts, Text, as_attempt, moment, with_number

NAME = re.compile(
    r"(?P<number>\d+)-\d+ ?- ?(?P<name>.+?) ?- (?P<time>[^-/]*\b\d{4}\b[^-/]*?)(?: - (?P<file>.+))?", re.S
)
TIMES = ("%b %d, %Y %I%M %p", "%B %d, %Y %I%M %p", "%d %B, %Y %I%M %p", "%d %b, %Y %I%M %p", "%b %d, %Y %H%M")

TABLES = (("orgdefinedid", "end-of-line indicator"),)  # of Grades > Export


def names(paths: Iterable[Parts], text: Text) -> dict[Parts, Named]:
    named = {}
    for path in paths:
        found = NAME.fullmatch(path[0])
        if found and (found["file"] or len(path) > 1):
            written = re.sub(r"\b(\d)(\d\d)\b(?= [AP]M)", r"0\1\2", found["time"].replace(":", ""))
            time = moment(written, *TIMES)
            known = Known(found["name"], found["number"], door="brightspace")
            within = (found["file"], *path[1:]) if found["file"] else path[1:]
            named[path] = Named((with_number(known),), within, as_attempt(time), time=time)
    return named


def person(row: dict[str, str]) -> dict[str, str]:
    """Who a row of exported grades is; Brightspace begins user names and numbers with a #."""
    number, login = (row.get(column, "").lstrip("#") for column in ("orgdefinedid", "username"))
    name = " ".join(filter(None, (row.get("first name"), row.get("last name"))))
    email = row.get("email", "")
    return {"student": login or number, "name": name, "id": number, "login": login, "email": email}
