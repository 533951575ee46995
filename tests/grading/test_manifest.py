"""What every file that was handed in is, which one of several counts, and where the whole looks wrong."""

import copy
import csv
import errno
import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from course_utils.cli import grade as grade_command
from course_utils.project import course_folder
from course_utils.staff.grading.intake import manifest
from course_utils.staff.grading.intake.finding import File, find
from course_utils.staff.grading.intake.manifest import Manifest, Seen, Shelf, choose, decide, look
from course_utils.staff.grading.run.run import Order, Plan, dry_run
from tests.grading.notebooks import HANDED_OUT, NAME, RIGHT, code, dumps, notebook

SHELF = Shelf()
OTHER = "02_beginnings_and_ends"
ANSWERED = dumps(notebook(RIGHT))
UNTOUCHED = dumps(notebook())
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def of_the_course(folder, name=NAME):
    return json.loads((course_folder() / folder / f"{name}.ipynb").read_bytes())


SOLUTION, LECTURE = of_the_course("solutions"), of_the_course("notebooks")


def without_metadata(content):
    return content | {"metadata": {}}


def seen(content, name=f"{NAME}.ipynb"):
    """What a look into a notebook (or into bytes) tells."""
    data = content if isinstance(content, bytes) else dumps(content)
    return look(File("jane", (name,), lambda: data, NOON), SHELF)


def lay_out(folder, paths):
    """Files below a folder: their bytes by path."""
    for path, data in paths.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


# --- what a file is ---------------------------------------------------------------------------------------------------


def released_by_nbgrader(answers):
    """A solution as `nbgrader generate_assignment` hands it out: blanked, with its metadata and a checksum a cell."""
    content = notebook(answers)
    content["metadata"] = copy.deepcopy(SOLUTION["metadata"])
    for one in content["cells"]:
        if "nbgrader" in one["metadata"]:
            one["metadata"]["nbgrader"]["checksum"] = "5c4e" * 8
    return content


def quoting_the_markers():
    """A finished exercise whose student has put the markers of a solution into one answer."""
    marked = "# E01.1\ndef e01_1():\n    ### BEGIN SOLUTION\n    return 0.04\n    ### END SOLUTION"
    return without_metadata(notebook(RIGHT | {"E01.1": marked}))


def answers_in_a_notebook_of_their_own():
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    return content | {"cells": [code(RIGHT["E01.2"].removeprefix("# E01.2\n"))]}


KINDS = {
    "answered": (notebook(RIGHT), "exercise", True),
    "untouched": (notebook(), "exercise", False),
    "lecture": (LECTURE, "lecture", False),
    "solution": (SOLUTION, "solution", False),
    "answered in the file of the solution": (
        SOLUTION | {"cells": notebook(RIGHT)["cells"]}, "solution", False
    ),
    "released by nbgrader": (released_by_nbgrader(RIGHT), "exercise", True),
    "answered, without metadata": (without_metadata(notebook(RIGHT)), "exercise", True),
    "untouched, without metadata": (without_metadata(notebook()), "exercise", False),
    "lecture, without metadata": (without_metadata(LECTURE), "lecture", False),
    "solution, without metadata": (without_metadata(SOLUTION), "solution", False),
    "markers in one answer": (quoting_the_markers(), "exercise", True),
    "only a function": (answers_in_a_notebook_of_their_own(), "exercise", True),
    "another course": (without_metadata({**notebook(), "cells": [code("1 + 1")]}), "foreign", False),
    "broken": (ANSWERED[:1000], "unreadable", False),
}  # fmt: skip


@pytest.mark.parametrize("case", KINDS)
def test_what_a_file_is(case):
    content, kind, answered = KINDS[case]
    found = seen(content)
    assert (found.kind, found.answered, found.exercise) == (kind, answered, NAME)


def test_without_metadata_and_name_the_cells_say_which_exercise_it_is():
    by_ids = without_metadata(notebook(RIGHT))
    by_markers = copy.deepcopy(by_ids)
    for one in by_markers["cells"]:
        one["id"], one["metadata"] = f"x-{one['id']}", {}
    assert [seen(content, "homework.ipynb").exercise for content in (by_ids, by_markers)] == [NAME, NAME]
    assert seen(without_metadata({**HANDED_OUT, "cells": [code("1")]}), "homework.ipynb").exercise == ""


@pytest.mark.parametrize("course", [{"kind": ["solution"]}, {"kind": 7, "lesson": NAME}, {"kind": "exam"}])
def test_metadata_of_another_kind_say_nothing(course):
    assert seen(notebook(RIGHT) | {"metadata": {"course": course}}).kind == "exercise"


# --- which one counts -------------------------------------------------------------------------------------------------


def one(name, answered=True, seconds=0.0, attempt=0, kind="exercise", problem=""):
    modified = NOON + timedelta(seconds=seconds)
    return Seen(File("jane", tuple(name.split("/")), bytes, modified, attempt=attempt), kind, NAME, answered, problem)


@pytest.mark.parametrize(
    ("rivals", "counts", "why"),
    [
        ([one("a", False, 99), one("b")], "b", "nothing is answered in it"),
        ([one("01_chain_rule.ipynb", False), one("01_chain_rule-Copy1.ipynb")], "01_chain_rule-Copy1.ipynb", "nothing"),
        ([one("a", seconds=9, attempt=1), one("b", attempt=2)], "b", "an earlier attempt"),
        ([one("01_chain_rule (1).ipynb", seconds=9), one("01_chain_rule (2).ipynb")], "01_chain_rule (1).ipynb", "old"),
        ([one("01_chain_rule (9).ipynb"), one("01_chain_rule (10).ipynb", seconds=-1.5)], "01_chain_rule (10).ipynb",
         "its name sorts before"),
        ([one("try 10/x.ipynb"), one("try 9/x.ipynb")], "try 10/x.ipynb", "sorts before"),
        ([one("01_chain_rule.ipynb"), one("01_chain_rule-Copy1.ipynb")], "01_chain_rule-Copy1.ipynb", "sorts before"),
        ([one("a", False, 99), one("b", False, kind="unreadable")], "b", "nothing is answered"),
        ([one("a", False, 99, kind="unreadable", problem="the file is empty"), one("b")], "b", "the file is empty"),
        ([one("a", False, kind="foreign", seconds=99), one("b", False)], "b", "no answer cell"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_of_several_files_one_counts_and_the_other_is_set_aside_with_the_reason(rivals, counts, why, turned):
    best, other = choose(rivals[::-1] if turned else rivals, NAME)
    assert ("/".join(best.file.parts), best.taken_as) == (counts, "graded")
    assert other.taken_as == "set aside" and other.reason.endswith(f"; {counts} counts")
    assert why in other.reason


def test_a_time_that_no_calendar_has_is_not_the_newest():
    odd = one("a")
    odd = replace(odd, file=replace(odd.file, modified=datetime.max.replace(tzinfo=UTC)))
    assert choose([odd, one("b")], NAME)[0].file.name == "b"


def of_a_folder(folder, paths, wanted=None):
    """The manifest of these files: what each is taken for, by path."""
    found = find(lay_out(folder, paths))
    entries = decide((look(file, SHELF) for file in [*found.files, *found.beside]), wanted)
    return {"/".join(entry.file.path): (entry.kind, entry.taken_as) for entry in entries}


def test_a_fork_is_graded_by_its_exercise_and_not_by_the_solution_or_the_lecture(tmp_path):
    half_done = dumps(notebook({"E01.1": RIGHT["E01.1"]}))
    fork = {"exercises": half_done, "notebooks": dumps(LECTURE), "solutions": dumps(SOLUTION)}
    assert of_a_folder(tmp_path, {f"jane/{folder}/{NAME}.ipynb": data for folder, data in fork.items()}) == {
        f"jane/exercises/{NAME}.ipynb": ("exercise", "graded"),
        f"jane/notebooks/{NAME}.ipynb": ("lecture", "set aside"),
        f"jane/solutions/{NAME}.ipynb": ("solution", "set aside"),
    }


def test_every_file_is_listed_in_the_order_of_its_name(tmp_path):
    paths = {f"zoe/{NAME}.ipynb": ANSWERED, "zoe/notes.pdf": b"", "zoe/scratch.ipynb": b"{}", "readme.txt": b"",
             "master.ipynb": ANSWERED, f"adam/{NAME}.pdf": b"", f"eve/{OTHER}.ipynb": b"{}"}  # fmt: skip
    listed = of_a_folder(tmp_path, paths, [NAME])
    assert listed == {
        f"adam/{NAME}.pdf": ("foreign", "graded"),
        f"eve/{OTHER}.ipynb": ("unreadable", "set aside"),
        "master.ipynb": ("exercise", "ignored"),
        "readme.txt": ("foreign", "ignored"),
        f"zoe/{NAME}.ipynb": ("exercise", "graded"),
        "zoe/notes.pdf": ("foreign", "ignored"),
        "zoe/scratch.ipynb": ("unreadable", "ignored"),
    }
    assert list(listed) == sorted(listed)


def test_the_only_file_of_a_student_is_meant_for_the_one_exercise_that_is_asked_for(tmp_path):
    paths = {"eve/homework.ipynb": b"broken", "max/a.ipynb": b"1", "max/b.ipynb": b"2", "zoe/x.ipynb": dumps(LECTURE)}
    taken = {path: taken_as for path, (_, taken_as) in of_a_folder(tmp_path, paths, [NAME]).items()}
    assert taken == {"eve/homework.ipynb": "graded", "max/a.ipynb": "ignored", "max/b.ipynb": "ignored",
                     "zoe/x.ipynb": "set aside"}  # fmt: skip
    assert set(of_a_folder(tmp_path, {}, [NAME, OTHER]).values()) >= {("unreadable", "ignored")}


# --- where it looks wrong ---------------------------------------------------------------------------------------------


def doubts(folder, paths, roster=""):
    """What would stop a run over these files."""
    lay_out(folder / "in", paths if isinstance(paths, dict) else dict.fromkeys(paths, ANSWERED))
    if roster:
        (folder / "students.csv").write_text(f"student\n{roster}")
    return Plan.made(Order(folder / "in", folder / "out", roster=folder / "students.csv" if roster else None)).doubts


def each(*paths):
    return [path.format(n=f"{NAME}.ipynb") for path in paths]


STOPS = {
    "a folder above": (each("submitted/jane/ps1/{n}", "submitted/max/ps1/{n}", "submitted/zoe/ps1/{n}"), "jane, max"),
    "of two": (each("hw/jane/{n}", "hw/max/{n}"), "hw has 01_chain_rule in 2 folders side by side (jane, max)"),
    "clones": (each("classroom/hw1-jane/exercises/{n}", "classroom/hw1-max/exercises/{n}"), "grade the folder classro"),
    "a class beside proper students": (each("adam/{n}", "eve/{n}", "late/jane/{n}", "late/max/{n}"), "late has"),
    "two classes": (each("A/hw/jane/{n}", "A/hw/max/{n}", "B/hw/tim/{n}", "B/hw/tom/{n}"), "A/hw has"),
    "a notebook at the top": (each("adam/{n}", "master.ipynb"), "at the top lies a notebook"),
    "too many of another course": (
        dict.fromkeys(each("a/{n}", "b/{n}", "c/{n}"), ANSWERED) | {"d/x.ipynb": dumps({"nbformat": 4, "cells": []})},
        "1 of 4 notebooks are of no exercise",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STOPS)
def test_a_run_stops_where_the_intake_looks_wrong(tmp_path, case):
    paths, said = STOPS[case]
    found = doubts(tmp_path, paths)
    assert said in found[0] and len(found) == (2 if case == "two classes" else 1)


def test_a_run_stops_where_the_roster_knows_nobody(tmp_path):
    assert "of the roster nobody" in doubts(tmp_path, each("jane/{n}", "max/{n}"), "4711\n4712\n")[0]


INNOCENT = {
    "one student": each("jane/{n}"),
    "two": each("jane/{n}", "max/{n}"),
    "three in a folder that is unwrapped": each("all/jane/{n}", "all/max/{n}", "all/zoe/{n}"),
    "nbgrader": each("jane/ps1/{n}", "max/ps1/{n}"),
    "a subfolder": each("jane/{n}", "jane/old stuff/{n}", "max/{n}"),
    "a clone with work": each("jane/exercises/{n}", "jane/work/exercises/{n}", "max/exercises/{n}", "max/work/{n}"),
    "attempts of one's own": each("jane/attempt 1/{n}", "jane/attempt 2/{n}", "max/old/{n}", "max/new/{n}"),
    "Moodle": each(*(f"Jane Doe_4711_assignsubmission_file_/{n}/{{n}}" for n in "abc")),
    "Sakai": each("HW 1/Doe, J(jd)/Submission attachment(s)/{n}", "HW 1/Roe, M(mr)/Submission attachment(s)/{n}"),
    "Gradescope": each("submission_71/a/{n}", "submission_71/b/{n}", "submission_72/{n}"),
    "one of two is of another course": {f"jane/{NAME}.ipynb": ANSWERED, "max/x.ipynb": b"{}"},
    "a tenth is of another course": {f"s{i}/{NAME}.ipynb": ANSWERED for i in range(9)} | {"s0/x.ipynb": b"{}"},
    "lectures and solutions": {f"{who}/{what}/{NAME}.ipynb": data for who in ("jane", "max") for what, data in [
        ("exercises", ANSWERED), ("notebooks", dumps(LECTURE)), ("solutions", dumps(SOLUTION))]},
    "another text at the top": {f"jane/{NAME}.ipynb": ANSWERED, "readme.txt": b""},
}  # fmt: skip


@pytest.mark.parametrize("case", INNOCENT)
def test_a_run_does_not_stop_for(tmp_path, case):
    assert doubts(tmp_path, INNOCENT[case]) == []


def test_who_is_on_the_roster_is_no_folder_of_students(tmp_path):
    assert doubts(tmp_path, each("jane/ps1/{n}", "jane/ps2/{n}", "max/{n}"), "jane\n4711\n") == []


# --- said -------------------------------------------------------------------------------------------------------------


def test_a_dry_run_writes_the_manifest_and_grades_nothing(tmp_path):
    paths = {f"jane/{NAME}.ipynb": UNTOUCHED, f"jane/{NAME}-Copy1.ipynb": ANSWERED, f"max/{NAME}.ipynb": b"{"}
    lines, doubt = dry_run(Order(lay_out(tmp_path / "in", paths), tmp_path / "out"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "manifest.csv").read_text(encoding="utf-8"))))
    assert list(rows[0]) == ["path", "student", "exercise", "kind", "taken_as", "reason"]
    assert [tuple(row.values())[:5] for row in rows] == [
        (f"jane/{NAME}-Copy1.ipynb", "jane", NAME, "exercise", "graded"),
        (f"jane/{NAME}.ipynb", "jane", NAME, "exercise", "set aside"),
        (f"max/{NAME}.ipynb", "max", NAME, "unreadable", "graded"),
    ]
    assert rows[1]["reason"] == f"nothing is answered in it; {NAME}-Copy1.ipynb counts"
    assert "not valid JSON" in rows[2]["reason"] and doubt == ""
    assert lines[:3] == ["3 files", "graded: 2", f"      2  {NAME}"] and "set aside: 1" in lines
    assert not (tmp_path / "out" / "results.csv").exists()


def test_a_thousand_files_are_shown_on_one_screen():
    def entry(number):
        kind = ["graded", "set aside", "ignored"][number % 3]
        return manifest.Entry(one(f"{number}.ipynb").file, NAME, "exercise", kind, f"reason {number}; {number} counts")

    lines = Manifest([entry(number) for number in range(1000)]).shown()
    assert len(lines) < 40 and max(map(len, lines)) <= 150
    assert "         and 326 reasons more" in lines


def test_a_manifest_holds_no_formula_and_no_hidden_character(tmp_path):
    paths = {f"=cmd/\u202e=x;=1{NAME}.ipynb": ANSWERED, f"=cmd/{NAME}.ipynb": UNTOUCHED}
    found = find(lay_out(tmp_path, paths))
    text = Manifest(decide(look(file, SHELF) for file in found.files)).table()
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert "\u202e" not in text and not [cell for cell in cells if cell.startswith("=") or ";=" in cell]


def test_folders_that_look_the_same_are_told_apart_in_the_manifest(tmp_path):
    paths = {f"a b/{NAME}.ipynb": ANSWERED, f"a\u00a0b/{NAME}.ipynb": ANSWERED}
    plan = Plan.made(Order(lay_out(tmp_path / "in", paths), tmp_path / "out"))
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(plan.manifest.table()))}
    assert rows["a b"]["reason"] == "of the folder 'a b'"
    assert rows["a b (2)"]["reason"] == r"of the folder 'a\xa0b'"
    assert r"'a b (2)' is the folder 'a\xa0b'" in plan.notes()[0]


def command(folder, *words):
    parser = grade_command.argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    words = [str(folder / "in"), "--out", str(folder / "out"), "--unsafe-no-sandbox", *words]
    return grade_command.run(parser.parse_args(words))


def test_the_command_stops_with_status_2_and_one_line_that_names_force(tmp_path, capsys):
    lay_out(tmp_path / "in", dict.fromkeys(each("hw/jane/{n}", "hw/max/{n}"), UNTOUCHED))
    for words in (["--dry-run"], []):
        assert command(tmp_path, *words) == 2
        told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("course grade: ")]
        assert len(told) == 1 and "jane, max" in told[0] and "--force" in told[0]
        assert (tmp_path / "out" / "manifest.csv").exists() and not (tmp_path / "out" / "results.csv").exists()
    assert command(tmp_path, "--dry-run", "--force") == 0
    assert "gone on with --force" in capsys.readouterr().out
    assert command(tmp_path, "--force") == 0 and (tmp_path / "out" / "results.csv").exists()


def test_several_exercises_may_be_asked_for(tmp_path, capsys):
    paths = {f"jane/{name}.ipynb": dumps(of_the_course("exercises", name)) for name in (NAME, OTHER, "03_log_space")}
    lay_out(tmp_path / "in", paths)
    assert command(tmp_path, "--dry-run", "--exercise", "01", "--exercise", OTHER) == 0
    said = capsys.readouterr().out
    assert "graded: 2" in said and "an exercise that was not asked for" in said


def test_one_student_alone_is_named_and_makes_no_maximum_in_a_large_class():
    def handed_in(student, exercise):
        file = replace(one(exercise).file, student=student)
        return manifest.Entry(file, exercise, "exercise", "graded")

    for size, count in ((3, [NAME, OTHER]), (10, [NAME, OTHER]), (11, [NAME])):
        students = [f"s{number}" for number in range(size)]
        all_of_them = Manifest([handed_in(who, NAME) for who in students] + [handed_in("s0", OTHER)])
        assert manifest.alone(all_of_them, students) == ({OTHER: "s0"} if size > 3 else {})
        assert manifest.counted(all_of_them, students, None) == count
        assert manifest.counted(all_of_them, students, [OTHER]) == [OTHER]


def test_a_file_that_was_touched_later_counts(tmp_path):
    """From the file system, not from data: the times that are read are those that count."""
    lay_out(tmp_path, {f"jane/{NAME}.ipynb": ANSWERED, f"jane/{NAME} (1).ipynb": ANSWERED})
    for name, when in ((f"{NAME}.ipynb", 2_000_000_000), (f"{NAME} (1).ipynb", 1_900_000_000)):
        os.utime(tmp_path / "jane" / name, (when, when))
    taken = of_a_folder(tmp_path, {})
    assert taken[f"jane/{NAME}.ipynb"][1] == "graded"


def test_a_full_disk_is_said_where_the_manifest_should_be_written(tmp_path, monkeypatch, capsys):
    def full(path, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    lay_out(tmp_path / "in", {f"jane/{NAME}.ipynb": UNTOUCHED})
    monkeypatch.setattr(manifest, "write_whole", full)
    for words in (["--dry-run"], []):
        assert command(tmp_path, *words) == 2
        told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("course grade: ")]
        assert len(told) == 1 and "full" in told[0] and "manifest.csv" in told[0]
