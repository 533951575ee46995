"""The batch's report: points, statuses, messages, files; nobody's rows are missing, and nobody's points are forged."""

import csv
import json
import re
import subprocess
import sys
import time

import pytest

from tests.grading.batch import FILES
from tests.grading.notebooks import EXERCISE, NAME, POINTS, RIGHT

NOTHING = dict.fromkeys(POINTS, 0.0)
COLUMNS = ["student", "exercise", "task", "points", "max_points", "status", "message"]
STATUSES = {"graded", "missing", "error", "timeout", "memory", "invalid"}


def test_the_run_ends_well_however_bad_the_submissions_are(graded):
    assert graded.status == 0, graded.said


def test_every_student_has_a_row_for_every_task_sorted_by_code_point(graded):
    assert list(graded.rows[0]) == COLUMNS
    students = {name if not name.startswith("=") else f"'{name}" for name in FILES} | {"nobody"}
    expected = sorted((student, NAME, task) for student in students for task in POINTS)
    assert [(row["student"], row["exercise"], row["task"]) for row in graded.rows] == expected
    assert all(float(row["max_points"]) == POINTS[row["task"]] for row in graded.rows)
    assert {row["status"] for row in graded.rows} == STATUSES


def test_messages_are_short_lines_that_are_no_formulas(graded):
    for row in graded.rows:
        assert len(row["message"]) <= 300 and row["message"].isprintable()
        assert not row["message"].startswith(("=", "+", "-", "@"))
        assert not re.search(r"/(tmp|root|home|work)/", row["message"])


def test_right_answers_that_are_not_the_solutions_get_full_points(graded):
    assert graded.points("full") == POINTS
    assert set(graded.statuses("full").values()) == {"graded"}
    assert {row["message"] for row in graded.of("full").values()} == {""}


@pytest.mark.parametrize("student", ["wrong", "cleared", "forged"])
def test_wrong_answers_get_nothing_whatever_outputs_are_stored(graded, student):
    assert graded.points(student) == NOTHING


@pytest.mark.parametrize("student", ["wrong", "cleared"])
def test_wrong_answers_are_told_what_is_wrong(graded, student):
    rows = graded.of(student)
    assert set(graded.statuses(student).values()) == {"graded"}
    assert "added" in rows["E01.2"]["message"] and "joint_prob([" in rows["E01.2"]["message"]


def test_probe_data_without_the_nonce_is_no_answer(graded):
    rows = graded.of("forged")
    assert rows["E01.1"]["status"] == "error" and "could not be asked" in rows["E01.1"]["message"]
    assert {row["status"] for task, row in rows.items() if task != "E01.1"} == {"graded"}  # in a kernel without that


def test_a_task_that_loops_exits_kills_or_bombs_is_the_only_one_that_suffers(graded):
    assert graded.statuses("hostile") == {
        "E01.1": "graded",
        "E01.2": "timeout",
        "E01.3": "error",
        "E01.4": "memory",
        "E01.5": "error",
        "E01.6": "graded",
        "E01.7": "graded",
    }
    honest = ("E01.1", "E01.6", "E01.7")
    assert graded.points("hostile") == {task: POINTS[task] * (task in honest) for task in POINTS}


def test_answers_that_raise(graded):
    rows = graded.of("raising")
    assert graded.statuses("raising") == dict.fromkeys(POINTS, "error") | {"E01.6": "graded"}
    assert graded.points("raising") == NOTHING | {"E01.6": POINTS["E01.6"]}
    assert "ZeroDivisionError" in rows["E01.1"]["message"]
    assert "SyntaxError" in rows["E01.2"]["message"] and "(line 2)" in rows["E01.2"]["message"]
    assert "NameError" in rows["E01.3"]["message"] and "undefined_name" in rows["E01.3"]["message"]
    assert "defines no e01_5" in rows["E01.5"]["message"]
    assert "UsageError" in rows["E01.7"]["message"]


@pytest.mark.parametrize("student", ["own-cells", "reset"])
def test_own_cells_that_fail_and_state_of_earlier_tasks_cost_nothing(graded, student):
    assert graded.points(student) == POINTS, graded.of(student)


@pytest.mark.parametrize(
    ("student", "status", "words"),
    [
        ("stub", "missing", "not answered yet"),
        ("nobody", "missing", "no file"),
        ("foreign", "missing", "no answer cell"),
        ("empty", "invalid", "empty"),
        ("login-page", "invalid", "web page"),
        ("no-json", "invalid", "not valid JSON"),
        ("latin-1", "invalid", "UTF-8"),
        ("'=cmd()", "invalid", "not a notebook"),
    ],
)
def test_files_without_answers_get_their_rows_and_the_reason(graded, student, status, words):
    rows = graded.of(student)
    assert set(graded.statuses(student).values()) == {status}
    assert graded.points(student) == NOTHING
    assert all(words in row["message"] for row in rows.values())


def test_the_gradebook_has_a_row_a_student(graded):
    with (graded.folder / "gradebook.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert list(rows["full"]) == ["student", NAME, "total", "max", "manual_max"]
    most = f"{sum(POINTS.values()):g}"
    assert list(rows["full"].values()) == ["full", most, most, most, f"{EXERCISE.manual_points:g}"]
    assert rows["hostile"]["total"] == f"{POINTS['E01.1'] + POINTS['E01.6'] + POINTS['E01.7']:g}"
    assert list(rows) == sorted(rows) and len(rows) == len(FILES) + 1


def test_run_json_says_how_it_was_run(graded):
    about = json.loads((graded.folder / "run.json").read_text(encoding="utf-8"))
    assert about["seed"] == 2026 and about["isolation"] in ("bubblewrap", "limits only")
    assert {"course_utils", "python", "packages", "seconds", "limits"} <= set(about)
    assert len(about["submissions"]) == len(FILES) + 1


# --- feedback ---------------------------------------------------------------------------------------------------------


def page(graded, student):
    return (graded.folder / "feedback" / student / f"{NAME}.html").read_text(encoding="utf-8")


def test_every_student_has_a_page_with_every_task(graded):
    for student in [*FILES, "nobody"]:
        html = page(graded, student)
        assert all(f">{task}<" in html for task in POINTS)
        assert all(f'id="{place}"' in html for place in re.findall(r'href="#([^"]+)"', html))
        assert "<script" not in html and "http" not in html


def test_a_page_says_what_to_do(graded):
    html = page(graded, "wrong")
    assert "joint_prob([" in html and "What came back" in html
    assert "Hint: " in html and "Read again: lecture 01_chain_rule" in html
    assert "0 of 11 points" in html and "4 more points" in html


def test_a_page_gives_away_no_expected_value_no_path_and_no_other_student(graded):
    html = page(graded, "wrong")
    assert "0.04<" not in html and "0.42" not in html
    assert not re.search(r"/(tmp|root|home|work)/", html)
    assert not [name for name in ("hostile", "forged", "own-cells") if name in html]


def test_what_a_student_wrote_is_shown_as_text(graded):
    html = page(graded, "html")
    assert "&lt;script&gt;" in html and "<script>" not in html
    assert "ValueError" in graded.of("html")["E01.2"]["message"]


def test_full_points_need_no_advice(graded):
    html = page(graded, "full")
    assert "11 of 11 points" in html and "Hint" not in html and "Read again" not in html


# --- again, and other folders -----------------------------------------------------------------------------------------


def test_the_same_command_again_grades_nothing_anew_and_changes_no_byte(graded, submissions, course_grade):
    names = ("results.csv", "gradebook.csv", f"feedback/wrong/{NAME}.html")
    before = [(graded.folder / name).read_bytes() for name in names]
    again = course_grade(submissions, graded.folder, "--cpu-seconds", 2)  # the seed is kept
    assert again.status == 0, again.said
    assert [(graded.folder / name).read_bytes() for name in names] == before
    about = json.loads((graded.folder / "run.json").read_text(encoding="utf-8"))
    assert {one["seconds"] for one in about["submissions"]} == {None}


def test_another_run_with_the_same_seed_gives_the_same_rows_in_any_order_of_work(graded, course_grade, tmp_path):
    for student in ("wrong", "full"):
        path = tmp_path / "in" / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(FILES[student])
    options = ("--seed", 2026, "--cpu-seconds", 2, "--jobs", 2, "--exercise", "01")
    other = course_grade(tmp_path / "in", tmp_path / "out", *options)
    assert other.rows == [row for row in graded.rows if row["student"] in ("wrong", "full")]
    for student in ("wrong", "full"):
        assert page(other, student) == page(graded, student)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_gives_the_rows_of_an_unbroken_one(graded, course_grade, isolation, tmp_path):
    students = ("full", "html", "wrong")
    for student in students:
        path = tmp_path / "in" / student / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(FILES[student])
    options = ["--seed", "2026", "--cpu-seconds", "2"]
    command = [
        sys.executable,
        "-m",
        "course_utils.cli",
        "grade",
        tmp_path / "in",
        "--out",
        tmp_path / "out",
        *isolation,
    ]
    killed = subprocess.Popen([*map(str, command), *options])
    while not list((tmp_path / "out").glob(".state/*.json")) and killed.poll() is None:
        time.sleep(0.1)
    killed.kill()
    killed.wait()
    assert not (tmp_path / "out" / "results.csv").exists()
    continued = course_grade(tmp_path / "in", tmp_path / "out", *options)
    assert continued.rows == [row for row in graded.rows if row["student"] in students]
    about = json.loads((continued.folder / "run.json").read_text(encoding="utf-8"))
    assert [one["seconds"] is None for one in about["submissions"]].count(True) >= 1


def test_the_answers_of_this_file_are_not_the_solutions():
    solved = json.dumps(EXERCISE.solution)
    assert not [task for task, source in RIGHT.items() if json.dumps(source)[1:-1] in solved]
