"""Gradescope: an export has a folder `submission_<number>` each, and `submission_metadata.yml`, which says whose they
are and when they came. A group has one folder, and every member gets the row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC

from course_utils.staff.grading.intake.named import Known, Named, Parts, Text, moment, with_number

FOLDER = re.compile(r"submission_\d+", re.I)
METADATA = "submission_metadata.yml"
SUBMITTER = re.compile(r"  [- ] :(name|sid|email):(.*)")
MOST_MEMBERS = 100
TABLES = (("sid", "email"),)  # of the roster, and of *Download Grades*


def names(paths: Iterable[Parts], text: Text) -> dict[Parts, Named]:
    paths = list(paths)
    told = _metadata(text((METADATA,))) if (METADATA,) in paths else {}
    named = {}
    for path in paths:
        if len(path) > 1 and (FOLDER.fullmatch(path[0]) or path[0] in told):
            submitters, created = told.get(path[0], ([], ""))
            who = tuple(map(_person, submitters)) or ((path[0], Known("", "", door="gradescope")),)
            time = moment(re.sub(r"(\.\d{6})\d*", r"\1", created).replace(" Z", "Z").replace(" UTC", "Z"))
            named[path] = Named(who, path[1:], time=time and (time if time.tzinfo else time.replace(tzinfo=UTC)))
    return named


def _person(said: dict[str, str]) -> tuple[str, Known]:
    email = said.get("email", "")
    return with_number(Known(said.get("name", ""), said.get("sid") or email, email, "gradescope"))


def _metadata(text: str) -> dict[str, tuple[list[dict[str, str]], str]]:
    """By folder its submitters and its time. The lines wanted have a fixed place; what graders and students wrote in
    between is never parsed.
    """
    told: dict[str, tuple[list[dict[str, str]], str]] = {}
    folder, section = "", ""
    for line in text.split("\n"):  # and not where else a text may break: what stands between is not ours
        if line[:1].strip():
            folder, section = _plain(line.rstrip().rstrip(":")), ""
            told[folder] = ([], "")
        elif re.match(r"  :\w", line):
            section, _, value = line.strip().lstrip(":").partition(":")
            if section == "created_at" and folder:
                told[folder] = (told[folder][0], _plain(value))
        elif section == "submitters" and folder and (found := SUBMITTER.fullmatch(line)):
            submitters = told[folder][0]
            if line[2] == "-" and len(submitters) < MOST_MEMBERS:
                submitters.append({})
            if submitters:
                submitters[-1][found[1]] = _plain(found[2])
    return {name: said for name, said in told.items() if said[0] or said[1]}


def _plain(scalar: str) -> str:
    """A scalar of YAML without its quotes."""
    scalar = scalar.strip()
    if scalar[:1] == "'" == scalar[-1:]:
        return scalar[1:-1].replace("''", "'")
    try:
        return str(json.loads(scalar)) if scalar[:1] == '"' else scalar
    except ValueError:
        return scalar.strip('"')


def person(row: dict[str, str]) -> dict[str, str]:
    """Who a row of a roster, or of downloaded grades, is."""
    name = row.get("name") or " ".join(filter(None, (row.get("first name"), row.get("last name"))))
    if row.get("role", "student").casefold() != "student" or not (row["sid"] or row["email"]):
        return {}
    student = with_number(Known(name, row["sid"] or row["email"]))[0]
    section = row.get("section") or row.get("sections", "")
    return {"student": student, "name": name, "id": row["sid"], "email": row["email"], "section": section}
