"""Blackboard: `<assignment>_<user name>_attempt_<year-month-day-hour-minute-second>_<file>`, and a text file of the
same name as far as the time, which says who that is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from course_utils.staff.grading.intake.named import Known, Named, Parts, Text, as_attempt, moment

NAME = re.compile(r"(?P<before>.+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)", re.S)
NOTE = re.compile(r"^Name: (?P<name>.+) \((?P<login>[^()\n]+)\)\s*$", re.M)

TABLES = (("last name", "first name", "username"),)  # of Work Offline > Download


def names(paths: Iterable[Parts], text: Text) -> dict[Parts, Named]:
    found = {path: said for path in paths if (said := NAME.fullmatch(path[0]))}
    assignment = _assignment({said["before"] for said in found.values()})
    notes = {said["before"]: NOTE.search(text(path)) for path, said in found.items() if not said["file"]}
    with_files = {(said["before"], said["time"]) for said in found.values() if said["file"]}
    named = {}
    for path, said in found.items():
        note = notes.get(said["before"])
        login = note["login"] if note else said["before"].removeprefix(assignment)
        who = (login, Known(note["name"] if note else "", login, door="blackboard"))
        time = moment(said["time"], "%Y-%m-%d-%H-%M-%S")
        own = (
            (who,) if said["file"] or (said["before"], said["time"]) not in with_files else ()
        )  # else Blackboard's note
        named[path] = Named(own, (said["file"] or path[0], *path[1:]), as_attempt(time), time=time)
    return named


def _assignment(before: set[str]) -> str:
    """What the names have in common, as far as an underscore; of one name all but its last part."""
    common = os.path.commonprefix(sorted(before))
    return common[: common.rfind("_") + 1]


def person(row: dict[str, str]) -> dict[str, str]:
    """Who a row of the downloaded grade center is."""
    name = " ".join(filter(None, (row["first name"], row["last name"])))
    login, number = row["username"], row.get("student id", "")
    return {"student": login, "name": name, "id": number, "login": login}
