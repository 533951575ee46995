"""What a run does around the grading: who is expected, which file counts, where it stops and how it goes on."""

import csv
import errno
import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from course_utils.cli import grade as grade_command
from course_utils.project import course_folder
from course_utils.staff.grading.intake.finding import NoSubmissions
from course_utils.staff.grading.intake.marks import BadMarks
from course_utils.staff.grading.intake.roster import BadRoster, Enrolled
from course_utils.staff.grading.place.pristine import NoExercise
from course_utils.staff.grading.records import LOST, Record, Row
from course_utils.staff.grading.report import report
from course_utils.staff.grading.report.graded import Changes, Graded
from course_utils.staff.grading.report.summary import summary
from course_utils.staff.grading.run import run
from course_utils.staff.grading.run.run import BadReport, Order, grade
from course_utils.staff.grading.run.worker import LOCK, WorkerFailed, run_folder, sole_use
from course_utils.staff.grading.sandbox.isolation import Supplies
from tests.grading.notebooks import EXERCISE, NAME, POINTS, RIGHT, dumps, notebook

ANSWERED = dumps(notebook(RIGHT))


class FakeWorker:
    """Gives full points to everyone, and counts; fails or stops where it is told to."""

    calls = 0
    stop_at = fail_at = None
    says = {}  # by call, what is different in its rows

    def __init__(self, *_):
        pass

    def grade(self, notebook, folder, seed, imports, ahead):
        FakeWorker.calls += 1
        if FakeWorker.calls == FakeWorker.stop_at:
            raise KeyboardInterrupt
        if FakeWorker.fail_at and FakeWorker.calls in FakeWorker.fail_at:
            raise WorkerFailed
        rows = [Row(task, points, points, "graded", f"seed {seed}") for task, points in POINTS.items()]
        return [replace(row, **FakeWorker.says.get(FakeWorker.calls, {})) for row in rows]

    def close(self):
        pass


@pytest.fixture(autouse=True)
def fake_worker(monkeypatch):
    FakeWorker.calls, FakeWorker.stop_at, FakeWorker.fail_at, FakeWorker.says = 0, None, None, {}
    monkeypatch.setattr(run, "Worker", FakeWorker)
    monkeypatch.setattr(Supplies, "make", lambda folder: None)
    return FakeWorker


@pytest.fixture
def grading(tmp_path):
    """grading("adam/01_chain_rule.ipynb", ...) or (name=bytes): hands in and grades; the rows by student."""
    count = iter(range(100))

    def go(*paths, files=None, out="report", **options):
        for path in paths:
            target = tmp_path / "in" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(ANSWERED)
        for path, data in (files or {}).items():
            target = tmp_path / "in" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        folder = tmp_path / f"run{next(count)}"
        folder.mkdir()
        order = Order(**{"source": tmp_path / "in", "out": tmp_path / out} | options)
        grade(order, folder)
        with (tmp_path / out / "results.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    go.folder = tmp_path
    return go


def of(rows, student):
    return [row for row in rows if row["student"] == student]


def about(grading, out="report"):
    return json.loads((grading.folder / out / "run.json").read_text(encoding="utf-8"))


# --- who is expected --------------------------------------------------------------------------------------------------


def test_a_roster_names_who_is_missing_and_who_is_late(grading):
    roster = grading.folder / "students.csv"
    roster.write_text("student,name,deadline\nadam,Adam A.,2026-01-01 12:00\neve,Eve E.,\nzoe,Zoe Z.,2026-01-01\n")
    for student in ("adam", "zoe"):
        path = grading.folder / "in" / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(ANSWERED)
        handed_in = datetime(2026, 1, 1, 14, 30) if student == "adam" else datetime(2025, 12, 31, 23, 0)
        os.utime(path, (handed_in.timestamp(),) * 2)
    rows = grading(roster=roster)
    assert {row["message"] for row in of(rows, "adam")} == {f"seed {about(grading)['seed']} [late by 2 h 30 min]"}
    assert {row["status"] for row in of(rows, "eve")} == {"missing"} and "no file" in of(rows, "eve")[0]["message"]
    assert "late" not in of(rows, "zoe")[0]["message"]


@pytest.mark.parametrize("text", ["", "name,deadline\nx,y\n", "student,name,deadline\nadam,A,tomorrow\n"])
def test_a_roster_that_cannot_be_used_says_where_it_is_wrong(grading, text):
    (grading.folder / "students.csv").write_text(text)
    with pytest.raises(BadRoster, match="students.csv"):
        grading(f"adam/{NAME}.ipynb", roster=grading.folder / "students.csv")


def test_moodles_names_are_found_in_the_roster(grading):
    (grading.folder / "students.csv").write_text("student,name,deadline\n4711,Jane Doe,\n")
    rows = grading(f"Jane Doe_4711_assignsubmission_file_/{NAME}.ipynb", roster=grading.folder / "students.csv")
    assert {row["student"] for row in rows} == {"4711"}


def test_canvas_says_who_is_late(grading):
    rows = grading(f"doejane_LATE_12_34_{NAME}.ipynb")
    assert {row["student"] for row in rows} == {"doejane_12"} and "late" in rows[0]["message"]


# --- which file -------------------------------------------------------------------------------------------------------


def test_an_exercise_is_recognised_by_its_metadata_whatever_the_file_is_called(grading):
    assert {row["status"] for row in grading("adam/homework.ipynb")} == {"graded"}


def test_a_broken_file_with_an_unknown_name_is_taken_where_one_exercise_is_asked_for(grading):
    files = {f"adam/{NAME}.ipynb": ANSWERED, "eve/homework.ipynb": b"broken"}
    assert {row["status"] for row in of(grading(files=files), "eve")} == {"missing"}
    assert about(grading)["ignored"] == ["eve/homework.ipynb"]
    again = grading(files=files, out="second", exercise="01")
    assert {row["status"] for row in of(again, "eve")} == {"invalid"}


def test_a_solution_earns_nothing_and_the_row_says_what_to_hand_in(grading, fake_worker):
    solved = (course_folder() / "solutions" / f"{NAME}.ipynb").read_bytes()
    rows = grading(files={f"adam/{NAME}.ipynb": solved, f"eve/{NAME}.ipynb": ANSWERED})
    assert {row["status"] for row in of(rows, "adam")} == {"missing"} and fake_worker.calls == 1
    assert "the course's solved notebook" in of(rows, "adam")[0]["message"]
    assert f"hand in exercises/{NAME}.ipynb" in of(rows, "adam")[0]["message"]


def test_a_class_of_solutions_only_has_its_rows(grading, fake_worker):
    solved = (course_folder() / "solutions" / f"{NAME}.ipynb").read_bytes()
    rows = grading(files={f"adam/{NAME}.ipynb": solved})
    assert {row["status"] for row in rows} == {"missing"} and len(rows) == len(POINTS) and fake_worker.calls == 0


def test_what_was_set_aside_is_in_the_summary_and_in_the_manifest(grading):
    files = {f"adam/{NAME}.ipynb": dumps(notebook()), f"adam/{NAME}-Copy1.ipynb": ANSWERED}
    rows = grading(files=files)
    assert {row["status"] for row in rows} == {"graded"}
    assert (grading.folder / "report" / "manifest.csv").read_text(encoding="utf-8").count("set aside") == 1
    html = (grading.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert f"set aside: {NAME}.ipynb: nothing is answered in it; {NAME}-Copy1.ipynb counts" in html


def test_run_json_has_no_hidden_characters(grading):
    grading(files={f"adam/\u202e{NAME}.ipynb": ANSWERED, "adam/\u2066other.ipynb": b"{}"})
    text = (grading.folder / "report" / "run.json").read_text(encoding="utf-8")
    assert not {"\u202e", "\u2066"} & set(text) and about(grading)["ignored"] == ["adam/other.ipynb"]


def test_another_version_is_said(grading):
    other = notebook(RIGHT)
    other["metadata"]["course"]["version"] = "0.0.1"
    rows = grading(files={f"adam/{NAME}.ipynb": dumps(other)})
    assert f"[version 0.0.1 of the exercise, graded with {EXERCISE.version}]" in rows[0]["message"]


def test_a_zip_file_is_graded_like_a_folder(grading):
    with zipfile.ZipFile(grading.folder / "in.zip", "w") as archive:
        archive.writestr(f"adam/{NAME}.ipynb", ANSWERED)
        archive.writestr("eve/01_chain_rule.ipynb", "")
    rows = grading(source=grading.folder / "in.zip")
    assert [row["status"] for row in rows] == ["graded"] * len(POINTS) + ["invalid"] * len(POINTS)


# --- the operator's mistakes ------------------------------------------------------------------------------------------


def test_an_exercise_that_does_not_exist(grading):
    with pytest.raises(NoExercise, match="01_chain_rule"):
        grading(f"adam/{NAME}.ipynb", exercise="99")


def test_notebooks_of_another_course_only(grading):
    with pytest.raises(NoSubmissions, match="--exercise"):
        grading(files={"adam/other.ipynb": b"{}"})


def test_a_folder_that_is_no_report_is_not_written_into(grading):
    (grading.folder / "report").mkdir()
    (grading.folder / "report" / "thesis.txt").write_text("my thesis")
    with pytest.raises(BadReport, match="no report"):
        grading(f"adam/{NAME}.ipynb")
    assert [path.name for path in (grading.folder / "report").iterdir()] == ["thesis.txt"]


def test_a_report_among_the_submissions_is_refused(grading):
    with pytest.raises(BadReport, match="beside"):
        grading(f"adam/{NAME}.ipynb", out="in/report")


def test_the_command_turns_mistakes_into_one_line_and_status_2(tmp_path, capsys):
    parser = grade_command.argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    args = parser.parse_args([str(tmp_path / "none"), "--out", str(tmp_path / "out"), "--unsafe-no-sandbox"])
    assert grade_command.run(args) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("course grade: ") and "none" in said[-1]


# --- stopped, and continued -------------------------------------------------------------------------------------------

STUDENTS = [f"s{i:02}/{NAME}.ipynb" for i in range(12)]


def report_bytes(grading, out):
    folder = grading.folder / out
    paths = [folder / "results.csv", folder / "gradebook.csv", *sorted(folder.glob("feedback/*/*.html"))]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_that_was_stopped_continues_and_ends_with_the_same_bytes(grading, fake_worker, jobs):
    grading(*STUDENTS, out="unbroken", seed=5)
    unbroken, fake_worker.calls = report_bytes(grading, "unbroken"), 0
    fake_worker.stop_at = 7
    with pytest.raises(KeyboardInterrupt):
        grading(out="broken", seed=5, jobs=jobs)
    assert not (grading.folder / "broken" / "results.csv").exists()
    before, fake_worker.stop_at = fake_worker.calls, None
    grading(out="broken", jobs=jobs)  # the seed is remembered
    assert report_bytes(grading, "broken") == unbroken
    assert fake_worker.calls - before < len(STUDENTS)


def test_only_what_changed_is_graded_again(grading, fake_worker):
    grading(*STUDENTS)
    fake_worker.calls = 0
    grading(files={STUDENTS[3]: dumps(notebook(RIGHT | {"E01.1": "# E01.1\ndef e01_1(): return 1/25"}))})
    assert fake_worker.calls == 1


def test_another_seed_grades_all_again(grading, fake_worker):
    grading(*STUDENTS, seed=1)
    grading(seed=2)
    assert fake_worker.calls == 2 * len(STUDENTS)


def test_a_fresh_run_has_a_fresh_seed(grading):
    grading(*STUDENTS[:1], out="one")
    grading(*STUDENTS[:1], out="two")
    assert about(grading, "one")["seed"] != about(grading, "two")["seed"]


def test_who_has_left_leaves_no_page_behind(grading):
    grading(*STUDENTS[:2])
    (grading.folder / "in" / STUDENTS[0]).unlink()
    (grading.folder / "in" / STUDENTS[0]).parent.rmdir()
    grading()
    assert [path.parent.name for path in grading.folder.glob("report/feedback/*/*.html")] == ["s01"]


def test_a_worker_that_dies_once_is_replaced(grading, fake_worker):
    fake_worker.fail_at = {2}
    assert {row["status"] for row in grading(*STUDENTS[:3])} == {"graded"}


def test_a_submission_that_no_worker_survives_has_rows_and_is_tried_again_next_time(grading, fake_worker):
    fake_worker.fail_at = {1, 2, 4, 5}  # in its turn twice, and twice again when the other is done
    rows = grading(*STUDENTS[:2])
    assert {(row["status"], row["points"], row["message"]) for row in of(rows, "s00")} == {("ungraded", "", LOST)}
    assert about(grading)["ungraded"] == [f"s00/{NAME}"]
    assert {row["status"] for row in grading()} == {"graded"}
    assert fake_worker.calls == 6


FAILED = {"points": 0.0, "status": "ungraded", "message": "not graded yet: the judge of this task failed"}
TOO_LATE = {"points": 0.0, "status": "timeout", "message": "did not end within the time limit", "by_clock": True}


@pytest.mark.parametrize("jobs, said", [(1, FAILED), (3, FAILED), (3, TOO_LATE)])
def test_what_the_machine_may_be_to_blame_for_is_tried_again_when_all_else_is_done(grading, fake_worker, jobs, said):
    fake_worker.says = {1: said}
    assert {row["status"] for row in grading(*STUDENTS[:3], jobs=jobs)} == {"graded"}
    assert fake_worker.calls == 4


def test_a_time_that_is_over_by_the_clock_counts_where_nothing_ran_beside_it(grading, fake_worker):
    fake_worker.says = {1: TOO_LATE}
    rows = grading(*STUDENTS[:2], jobs=1)
    assert {row["status"] for row in of(rows, "s00")} == {"timeout"} and fake_worker.calls == 2
    assert grading(jobs=3) == rows and fake_worker.calls == 2  # it is the last word


def test_what_the_grader_fails_at_again_has_no_points_no_total_and_another_chance(grading, fake_worker):
    fake_worker.says = {1: FAILED, 3: FAILED}
    rows = grading(*STUDENTS[:2], formats=("canvas", "moodle", "gradescope"))
    assert {(row["points"], row["status"]) for row in of(rows, "s00")} == {("", "ungraded")}
    out = grading.folder / "report"
    (header, ungraded, fine) = (out / "gradebook.csv").read_text(encoding="utf-8").splitlines()
    assert header.startswith(f"student,{NAME},total,max") and ungraded.startswith("s00,,,") and ",," not in fine
    assert (out / "canvas.csv").read_text(encoding="utf-8").splitlines()[2].endswith(",")
    assert not (out / "gradescope" / "s00").exists()
    page = (out / "feedback" / "s00" / f"{NAME}.html").read_text(encoding="utf-8")
    assert "Not graded yet" in page and "0 of" not in page
    overview = (out / "index.html").read_text(encoding="utf-8")
    assert "the grader itself failed" in overview and "not graded</a>" in overview
    assert {row["status"] for row in grading()} == {"graded"} and fake_worker.calls == 4


def test_a_run_with_something_ungraded_says_so_and_ends_with_1(grading, fake_worker, monkeypatch, capsys):
    fake_worker.says = {1: FAILED, 3: FAILED}
    grading(*STUDENTS[:2], out="first")
    command = [str(grading.folder / "in"), "--out", str(grading.folder / "second"), "--unsafe-no-sandbox"]
    parser = grade_command.argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    fake_worker.calls = 0
    assert grade_command.run(parser.parse_args(command)) == 1
    assert f"s00/{NAME}" in capsys.readouterr().err
    assert grade_command.run(parser.parse_args(command)) == 0


@pytest.mark.parametrize(
    "damage",
    [
        ("points", "2"),
        ("points", float("nan")),
        ("points", None),
        ("points", 10**400),
        ("message", 7),
        ("by_clock", "no"),
        ("task", ["E01.1"]),
    ],
)
def test_a_record_that_was_damaged_is_graded_anew(grading, fake_worker, damage):
    rows = grading(*STUDENTS[:2])
    for path in (grading.folder / "report" / run.STATE).glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record, dict):
            record["rows"][0][damage[0]] = damage[1]
            path.write_text(json.dumps(record), encoding="utf-8")
    assert grading() == rows and fake_worker.calls == 4


def test_a_folder_in_the_place_of_a_record_is_graded_anew(grading, fake_worker):
    rows = grading(*STUDENTS[:2])
    for path in (grading.folder / "report" / run.STATE).glob("*.json"):
        if path.name != "written.json":
            path.unlink()
            (path / "deep").mkdir(parents=True)
    assert grading() == rows and fake_worker.calls == 4


def test_a_damaged_seed_is_told_with_its_file(grading):
    grading(*STUDENTS[:1])
    path = grading.folder / "report" / run.STATE / "seed"
    path.write_text("abc", encoding="utf-8")
    with pytest.raises(run.BadReport, match=re.escape(f"{path} is damaged")):
        grading()


def test_a_record_of_endless_brackets_is_none(tmp_path):
    store = run.Store(tmp_path)
    store.put(run.Record("s00", NAME, "f", ()))
    (path,) = tmp_path.iterdir()
    path.write_text("[" * 200_000, encoding="utf-8")
    assert store.get("s00", NAME, "f") is None


@pytest.mark.parametrize("damage", ["3", "null", '["feedback"]', '["results.csv/x"]', '["a\\u0000b"]', "[" * 200_000])
def test_a_damaged_list_of_pages_ends_no_run(grading, damage):
    rows = grading(*STUDENTS[:2])
    path = grading.folder / "report" / report.WRITTEN
    path.write_text(damage, encoding="utf-8")
    assert grading() == rows and NAME in path.read_text(encoding="utf-8")


def test_what_an_operator_lays_beside_the_pages_stays(grading):
    grading(*STUDENTS[:2])
    beside = grading.folder / "report" / "feedback" / "s00" / "my notes.html"
    beside.write_text("ask about the second task", encoding="utf-8")
    (grading.folder / "in" / "s00" / f"{NAME}.ipynb").unlink()
    (grading.folder / "in" / "s00").rmdir()
    grading()
    assert [path.name for path in beside.parent.iterdir()] == [beside.name]


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_two_runs_do_not_write_to_one_report(grading, fake_worker):
    grading(*STUDENTS[:2])
    with sole_use(grading.folder / "report" / run.STATE / "lock"), pytest.raises(BadReport, match="another run"):
        grading(seed=5)
    assert fake_worker.calls == 2
    assert {row["status"] for row in grading(seed=5)} == {"graded"}


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_what_a_killed_run_left_is_taken_away_and_that_of_another_run_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("grade-left", "grade-other"):
        (tmp_path / name / "n1").mkdir(parents=True)
        (tmp_path / name / LOCK).touch()
    with sole_use(tmp_path / "grade-other" / LOCK), run_folder() as mine:
        with run_folder() as second:
            assert {path.name for path in tmp_path.iterdir()} == {"grade-other", Path(mine).name, Path(second).name}
    assert [path.name for path in tmp_path.iterdir()] == ["grade-other"]


def test_a_full_disk_for_temporary_files_ends_the_run_and_is_named(grading, fake_worker, monkeypatch):
    fake_worker.fail_at = {2, 3}
    usage = shutil.disk_usage(grading.folder)._replace(free=1000)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left") as caught:
        patch.setattr(shutil, "disk_usage", lambda path: usage)
        grading(*STUDENTS[:3])
    assert "the disk is full (" in grade_command._told(caught.value)
    assert {row["status"] for row in grading()} == {"graded"} and fake_worker.calls == 5


def test_copying_to_a_full_disk_is_told_in_a_line():
    error = shutil.Error([("a.py", "b.py", f"[Errno {errno.ENOSPC}] {os.strerror(errno.ENOSPC)}: 'a.py' -> 'b.py'")])
    assert grade_command._told(error) == f"the disk is full ({tempfile.gettempdir()}), make room"


# --- what is beside the grading ---------------------------------------------------------------------------------------


def test_a_roster_that_comes_later_grades_nobody_again(grading, fake_worker):
    grading(*STUDENTS[:2])
    (grading.folder / "students.csv").write_text("student,name,deadline\ns00,A,2020-01-01\ns01,B,\n")
    rows = grading(roster=grading.folder / "students.csv")
    assert fake_worker.calls == 2 and "[late by" in of(rows, "s00")[0]["message"]


def test_manual_points_and_formats_reach_the_report(grading):
    (grading.folder / "points.csv").write_text("student,task,points\ns00,E01.8,3\n")
    grading(*STUDENTS[:1], manual=grading.folder / "points.csv", formats=("canvas", "moodle", "gradescope"))
    folder = grading.folder / "report"
    full = sum(POINTS.values()) + 3
    assert (folder / "gradebook.csv").read_text().splitlines()[1].endswith(f",3,{full:g}")
    assert (folder / "canvas.csv").read_text().endswith(f"s00,,,s00,,{full:g}\n")
    assert f"3 of {EXERCISE.manual_points:g} points" in (folder / "feedback" / "s00" / f"{NAME}.html").read_text()
    assert (folder / "gradescope" / "s00" / NAME / "results.json").exists()


def test_wrong_manual_points_stop_the_run_before_it_begins(grading, fake_worker):
    (grading.folder / "points.csv").write_text("student,task,points\ns00,E01.8,5\n")
    with pytest.raises(BadMarks, match="line 2"):
        grading(*STUDENTS[:1], manual=grading.folder / "points.csv")
    assert fake_worker.calls == 0 and not (grading.folder / "report").exists()


def test_the_number_of_a_platform_survives_the_roster(grading):
    (grading.folder / "students.csv").write_text("student,name,deadline\njane,Jane Doe,\n")
    grading(f"jane_12_34_{NAME}.ipynb", roster=grading.folder / "students.csv", formats=("canvas",))
    assert "Jane Doe,12,,jane,," in (grading.folder / "report" / "canvas.csv").read_text()


def test_the_time_left_is_told_by_the_pace_of_this_run(monkeypatch, capsys):
    now = iter([0.0, 1.0, 50.0, 100.0, 100.0])
    monkeypatch.setattr(grade_command.time, "monotonic", lambda: next(now))
    progress, record = grade_command.Progress(), Record("adam", NAME, "", ())
    progress(90, 100, record, False)  # taken over from a run that was stopped: says nothing of the pace
    progress(91, 100, record, True)
    progress(92, 100, record, True)
    assert capsys.readouterr().err == "92 of 100, about 7 min left: adam\n"  # 100 s for 2, 8 to go; a line a minute


def test_the_end_of_a_run_tells_who_and_what(grading):
    absent = Record("eve", NAME, "", (Row("E01.1", 0.0, 1.0, "missing"),))
    late = Record("adam", NAME, "", (Row("E01.1", 1.0, 1.0, "graded"),), "a.ipynb", "late by 1 h 0 min")
    graded = Graded(
        [late, absent], {NAME: EXERCISE}, {}, {"eve": Enrolled("eve", "", None)},
        aside={"adam": ["b.ipynb: older; a.ipynb counts"]}, notes=("the time zone is UTC",),
    )  # fmt: skip
    changes = Changes([("adam", NAME, "E01.1", "0", "1", "error", "graded", "")], 1, 0)
    said = "\n".join(summary(grading.folder, graded, changes))
    for line in (
        "nothing handed in (1): eve",
        "late (1): adam",
        "not on the roster (1): adam",
        "column student",
        "1 rows (1 higher",
        "adam: b.ipynb: older; a.ipynb counts",
        "the time zone is UTC",
    ):
        assert line in said
    assert "adam E01.1: 0 -> 1 (error -> graded)" in said
