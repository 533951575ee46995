"""Sixty people on every platform: who handed in, which attempt counts, who is late; and the way back."""

import csv
import io
import re
import zipfile
from datetime import UTC

import pytest

from course_utils.staff.grading.intake.finding import find
from course_utils.staff.grading.intake.late import late_rule
from course_utils.staff.grading.intake.roster import own_table, read
from course_utils.staff.grading.records import Record, Row
from course_utils.staff.grading.report import report
from course_utils.staff.grading.report.graded import Graded
from course_utils.staff.grading.run.run import Order, Plan
from tests.grading import classes
from tests.grading.classes import CLASS, FEW, N, hand, is_late
from tests.grading.notebooks import NAME
from tests.grading.test_doors import git

PLATFORMS = ("canvas", "moodle", "gradescope", "brightspace", "blackboard", "sakai", "zips")
TEAMS_ARE_KNOWN = {"canvas", "moodle", "gradescope", "brightspace", "sakai"}
EARNED = 8.5


def plan_of(folder, layout, **more):
    """The plan for what a platform has laid out, with its own gradebook as the roster."""
    roster = folder / "roster.csv"
    text = layout(folder / "in")
    roster.write_bytes(text.encode("utf-16" if layout is classes.blackboard else "utf-8-sig"))
    source = folder / "in" / "hand-ins.zip" if layout is classes.zips else folder / "in"
    return Plan.made(Order(source, folder / "out", ("01",), roster=roster, zone=UTC, **more))


def graded_by(plan):
    """What a run over this plan would find, if everybody who handed in had the same points."""
    exercise = plan.exercises[NAME]
    records = []
    for student in plan.students:
        handed = plan.open(student, exercise)
        row = Row("E01.1", EARNED if handed.file else 0.0, 11.0, "graded" if handed.file else "missing")
        file = "/".join(handed.file.parts) if handed.file else ""
        records.append(Record(student, NAME, "f", (row,), file, handed.note))
    return Graded(
        records, plan.exercises, {"seed": 1}, plan.enrolled, platform=plan.platform, own=plan.own, late=plan.late(),
        paths={who: entry.file.path for who, entry in plan.files.items()},
    )  # fmt: skip


@pytest.fixture(scope="module", params=PLATFORMS)
def platform(request, tmp_path_factory):
    """A platform's name, the plan of its class, and the report of it."""
    folder = tmp_path_factory.mktemp(request.param)
    plan = plan_of(folder, getattr(classes, request.param), late=late_rule("10% a day, at most 50%"))
    graded = graded_by(plan)
    formats = [request.param] if request.param != "zips" else []
    report.write(folder / "out", graded, formats)
    return request.param, plan, graded, folder


def people(plan):
    """By student of the report, the person: found by what the roster says of them, not by our names."""
    by_key = {key: one for one in CLASS for key in (one.login, str(one.number), f"{one.login}@x.org")}
    keys = {line.student: (line.login, line.id, line.email, line.participant, line.student)
            for line in plan.enrolled.values()}  # fmt: skip
    return {student: next(by_key[key] for key in of if key in by_key) for student, of in keys.items()}


def test_everybody_is_there_once_and_nothing_looks_wrong(platform):
    name, plan, graded, _ = platform
    who = people(plan)
    assert plan.doubts == [] and set(plan.students) == set(plan.enrolled)
    assert (f"the roster is a table of {name.capitalize()}'s: 60 students" in plan.notes()) == (name != "zips")
    assert sorted(one.index for one in who.values()) == list(range(60))
    absent = {who[record.student] for record in graded.records if not record.file}
    alone = name not in TEAMS_ARE_KNOWN and name != "zips"
    assert absent == ({one for one in CLASS if one.team and one.index % 2} if alone else set())


def test_the_right_ones_are_late_and_by_how_much(platform):
    name, plan, graded, _ = platform
    who = people(plan)
    said = "late, says the platform" if name == "canvas" else "late by 1 d 2 h"
    late = {who[record.student].index for record in graded.records if record.note}
    assert {record.note for record in graded.records if record.note} == {said}
    expected = {one.index for one in CLASS if (one.late if name == "zips" else is_late(one))}
    assert late == expected - {who[record.student].index for record in graded.records if not record.file}


def test_of_two_attempts_the_later_counts_and_the_other_is_set_aside(platform):
    name, plan, _, _ = platform
    who = people(plan)
    twice = {student for student, _ in plan.files if hand(who[student]).twice}
    aside = plan.manifest.aside([NAME])
    assert set(aside) == (twice if name in ("canvas", "moodle", "brightspace", "blackboard") else set())
    for student, (entry,) in aside.items():
        counts = plan.files[student, NAME].file
        assert entry.file.attempt < counts.attempt or entry.file.modified < counts.modified


def test_what_lateness_costs_is_a_column_of_its_own(platform):
    name, plan, graded, folder = platform
    rows = list(csv.DictReader((folder / "out" / "gradebook.csv").open(encoding="utf-8", newline="")))
    off = {row["student"]: row["late"] for row in rows}
    for record in graded.records:
        late = "" if name == "canvas" else "1.7"  # two days begun, 20% of 8.5; Canvas does not say how late
        assert off[record.student] == (late if record.note else "0")
    assert {row["total"] for row in rows} <= {"8.5", "0"}


def exported(name, folder):
    """The table of points that was written for a platform."""
    one_each = {"moodle": f"moodle/{NAME}.csv", "sakai": f"sakai/{NAME}/grades.csv"}
    return folder / "out" / one_each.get(name, f"{name}.csv")


def test_the_gradebook_that_was_filled_in_is_read_back(platform):
    """It is the platform's own, with the points in the column of the exercise and no other change."""
    name, plan, graded, folder = platform
    if name in ("zips", "gradescope"):  # there is no table to take back
        assert len(list((folder / "out").glob("gradescope/*/*/results.json"))) == (60 if name == "gradescope" else 0)
        return
    own, back = own_table(exported(name, folder)), read(exported(name, folder))
    assert own.door == name and set(back) == set(plan.enrolled)
    header = own.rows[own.header][1]
    column = next(at for at, head in enumerate(header) if re.match("(?i)01 chain rule(?!:)|grade", head))
    points = {student: own.rows[line.row][1][column] for student, line in back.items()}
    assert points == {record.student: "8.5" if record.file else "" for record in graded.records}
    before = plan.own.rows[plan.own.header][1]
    kept = [at for at, head in enumerate(before) if name == "moodle" or head not in ("deadline", "group")]
    kept = [at for at in kept if before[at] != "deadline"]
    assert header == [before[at] for at in kept]
    for student, line in back.items():
        old = plan.own.rows[plan.enrolled[student].row][1]
        new = own.rows[line.row][1]
        changed = {header[to] for to, at in enumerate(kept) if new[to] != old[at]}
        assert changed <= {header[column], "Feedback comments"}


def test_pages_go_back_under_names_that_the_platform_takes(platform):
    name, plan, _, folder = platform
    packed = folder / "out" / name / f"{NAME}_feedback.zip"
    assert packed.exists() == (name in ("canvas", "moodle", "brightspace", "sakai"))
    if not packed.exists():
        return
    with zipfile.ZipFile(packed) as archive:
        names = [one for one in archive.namelist() if not one.endswith(".csv")]
        assert all(b"<html" in archive.read(one) for one in names)
        if name == "sakai":
            assert archive.read("HW 1/grades.csv") == exported(name, folder).read_bytes()
    if name == "moodle":  # everybody's own number, in a team too
        assert {file.platform.number for file in find(packed).files} == {str(person.number) for person in CLASS}
    elif name == "sakai":
        folders = {"/".join(entry.file.path[:2]) for entry in plan.files.values()}
        assert {one.partition("/Feedback Attachment(s)/")[0] for one in names} == folders
    else:  # the name of the file that was graded, and its student's
        counted = {entry.file.path[-1].removesuffix(".ipynb") for entry in plan.files.values()}
        assert {one.removesuffix(".html") for one in names} == counted and len(names) == 55
        assert {file.student for file in find(packed).files} == {file.student for file in find(folder / "in").files}


# --- clones -----------------------------------------------------------------------------------------------------------


def test_a_classroom_of_clones(tmp_path):
    """Each has untouched exercises, the lecture, and their work on another day; a team shares a clone."""
    from tests.grading.notebooks import dumps
    from tests.grading.test_manifest import LECTURE, UNTOUCHED

    for person in FEW[:-1]:
        clone = tmp_path / "in" / "hw1-submissions" / f"hw1-{'team-ä-4' if person.team else person.login}"
        for path, data in (("exercises", UNTOUCHED), ("work", classes.ANSWERED), ("notebooks", dumps(LECTURE))):
            classes._write(clone, f"{path}/{N}", data=data)
        git(clone, "init", "-q")
        git(clone, "add", "exercises", "notebooks")
        git(clone, "commit", "-qm", "handed out", day=1)
        git(clone, "add", "-A")
        git(clone, "commit", "-qm", "x", day=29 if not person.late else 30)
    rows = [f"{one.login}@x.org,{one.login},{one.name},{one.team},2026-11-29" for one in FEW]
    text = "\n".join(["identifier,github_username,name,group_name,deadline", *rows])
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8")
    plan = Plan.made(Order(tmp_path / "in", tmp_path / "out", ("01",), roster=tmp_path / "roster.csv", zone=UTC))
    assert plan.doubts == [] and plan.students == sorted(f"{one.login}@x.org" for one in FEW)
    notes = {}
    for one in FEW:
        handed = plan.open(f"{one.login}@x.org", plan.exercises[NAME])
        assert handed.file.parts == ("work", N)
        notes[one.index] = handed.note
    assert notes == {one.index: "late by 11 h 0 min" if one.late else "" for one in FEW}


# --- one that is graded -----------------------------------------------------------------------------------------------


def test_a_canvas_download_is_graded_and_goes_back(tmp_path, course_grade):
    text = classes.canvas(tmp_path / "all")
    graded = sorted(path.name for path in (tmp_path / "all").iterdir())[:2]
    (tmp_path / "in").mkdir()
    for name in graded:
        (tmp_path / "all" / name).rename(tmp_path / "in" / name)
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8")
    words = ("--roster", tmp_path / "roster.csv", "--format", "canvas", "--exercise", "01", "--late", "5% per hour")
    done = course_grade(tmp_path / "in", tmp_path / "out", *words)
    assert done.status == 0, done.said
    rows = list(csv.reader(io.StringIO((tmp_path / "out" / "canvas.csv").read_text(encoding="utf-8"))))
    assert rows[0][5:] == ["01 Chain Rule (77)", "Quiz (78)"] and rows[2][5:] == ["11", "10"]
    assert {row[1]: row[5] for row in rows[3:] if row[5]} == dict.fromkeys(
        re.findall(r"_(47\d\d)_", "".join(graded)), "1"
    )
    assert {(row[4], row[6]) for row in rows[3:-1]} == {("3", "5")}
    with zipfile.ZipFile(tmp_path / "out" / "canvas" / f"{NAME}_feedback.zip") as archive:
        assert {f"{name.removesuffix('.html')}.ipynb" for name in archive.namelist()} <= set(graded)
