"""Canvas: `<name>[_LATE]_<user id>_<attachment id>_<file>`; `anon_<code>` for a user id, and no name, where grading is
anonymous; the group's name and one member's id for a team. A text typed in has no attachment.

A name may hold underscores and end in a number, a file may begin with one: what decides is that ids have no leading
zero, and that an attachment's has three digits or more and is neither a year nor a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from course_utils.staff.grading.intake.named import Known, Named, Parts, Text, with_number

START = r"(?:(?!LATE_)(?P<name>.+{})(?<!_LATE)_)?(?P<late>LATE_)?"
CODE = r"anon_(?P<code>[A-Za-z0-9]+)"
NO_ID = r"(?!20\d\d[01]\d[0-3]\d_|(?:19|20)\d\d_)"
FORMS = tuple(
    re.compile(START.format(greed) + ids, re.S)
    for greed, ids in (
        ("", rf"(?:(?P<number>[1-9]\d*)|{CODE})_{NO_ID}(?P<attempt>[1-9]\d{{2,17}})_(?P<file>.+)"),
        ("?", rf"(?:(?P<number>\d+)|{CODE})_(?P<attempt>\d+)_(?P<file>.+)"),
        ("", rf"(?:(?P<number>\d+)|{CODE})_(?P<file>(?:text|link)\.html)"),
    )
)
LONGEST_NUMBER = 18  # digits
TABLES = (("id", "sis login id", "section"),)  # the columns by which its gradebook is known


def names(paths: Iterable[Parts], text: Text) -> dict[Parts, Named]:
    return {path: said for path in paths if (said := _said(path[0], path[1:]))}


def _said(name: str, inside: Parts) -> Named | None:
    """Canvas names files; one that is a zip file holds others."""
    if inside and not name.lower().endswith(".zip"):
        return None
    found = next((found for form in FORMS if (found := form.fullmatch(name))), None)
    if found is None or not (found["name"] or found["code"]):
        return None
    said = found.groupdict()
    known = Known(said["name"] or "anon", said["code"] or said["number"], door="canvas")
    attempt = int((said.get("attempt") or "0")[-LONGEST_NUMBER:])
    return Named((with_number(known),), (said["file"], *inside), attempt, bool(said["late"]))


def person(row: dict[str, str]) -> dict[str, str]:
    """Who a row of the gradebook is. The maxima, notes on posting and the student of *Student View* are nobody."""
    name = row.get("student") or ", ".join(filter(None, (row.get("lastname"), row.get("firstname"))))
    number, login = row.get("id", ""), row.get("sis login id", "")
    if not (number or login) or "points possible" in name.casefold() or name == "Student, Test":
        return {}
    return {"student": login or number, "name": name, "id": number, "login": login, "section": row.get("section", "")}
