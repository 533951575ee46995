"""`course check`: the result by task of a saved notebook, the overview, and words for what is not there."""

import os
import subprocess
import sys

import pytest

from course_utils.cli import check as check_command
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.run import self_check
from course_utils.staff.grading.run.self_check import Unreadable, check_one, open_own, overview, read_own
from tests.grading.notebooks import (
    EXERCISE,
    HANDED_OUT,
    NAME,
    POINTS,
    RIGHT,
    WRONG,
    cell,
    check_cell,
    code,
    dumps,
    notebook,
    stored,
)


@pytest.fixture
def course(tmp_path):
    """A course with one exercise, and an empty work/."""
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / f"{NAME}.ipynb").write_bytes(dumps(EXERCISE.solution))
    (tmp_path / "work" / "exercises").mkdir(parents=True)
    return tmp_path


def save(course, content):
    path = course / "work" / "exercises" / f"{NAME}.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else dumps(content))
    return path


def test_the_result_by_task(course, capsys):
    answers = RIGHT | {"E01.2": WRONG["E01.2"], "E01.3": "# E01.3\ndef conditional(joint, prefix)\n    pass"}
    answers["E01.4"] = exercise_stub("e01-4")
    path = save(course, notebook(answers))
    before = path.read_bytes()
    assert check_one(str(path), course) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert lines[0] == EXERCISE.title and str(path) in lines[1] and "saved at" in lines[1]
    by_task = {line.split()[0]: line for line in lines if line.strip().startswith("E01.")}
    assert list(by_task) == list(POINTS)
    assert len({line.index(" of ", 40) for line in by_task.values()}) == 1  # aligned
    assert by_task["E01.1"].endswith("1 of 1") and by_task["E01.2"].endswith("0 of 2")
    assert "you added" in said and "try: joint_prob([" in said
    assert "SyntaxError" in said and "not answered yet" in said
    right = sum(POINTS[task] for task in POINTS if task not in ("E01.2", "E01.3", "E01.4"))
    assert f"{right:g} of {sum(POINTS.values()):g}" in said
    assert path.read_bytes() == before


def exercise_stub(cell_id):
    return next("".join(c["source"]) for c in HANDED_OUT["cells"] if c["id"] == cell_id)


def test_the_overview_says_what_is_done_and_what_is_next(course, capsys):
    content = notebook({"E01.1": RIGHT["E01.1"], "E01.2": WRONG["E01.2"]})
    check_cell(content, "E01.1")["outputs"] = stored("1.0", "E01.1: 1 of 1 points\n")
    check_cell(content, "E01.2")["outputs"] = stored("0.0", "E01.2: 0 of 2 points\n")
    save(course, content)
    assert overview(course) == 0
    said = capsys.readouterr().out
    assert "2 of 7" in said and "1 of 11" in said and "next: E01.2" in said


def test_the_overview_when_all_is_done_and_when_a_file_is_broken(course, capsys):
    content = notebook(RIGHT)
    for task, points in POINTS.items():
        check_cell(content, task)["outputs"] = stored(str(points), "")
    save(course, content)
    overview(course)
    said = capsys.readouterr().out
    assert "7 of 7" in said and "E01.8 open, for a person to mark" in said  # it is a task, and not done
    assert "next: E01.8 Symmetric and not symmetric (an open question)" in said
    cell(content, "E01.8")["source"] = "Two events."
    save(course, content)
    overview(course)
    said = capsys.readouterr().out
    assert "Everything is answered" in said and "open" not in said
    save(course, b"half a file")
    overview(course)
    assert "not valid JSON" in capsys.readouterr().out


def test_stored_points_without_an_answer_count_nothing(course, capsys):
    content = notebook()
    check_cell(content, "E01.1")["outputs"] = stored("1.0", "")
    save(course, content)
    overview(course)
    assert "0 of 11" in capsys.readouterr().out


@pytest.mark.parametrize("asked", ["01", "1", NAME])
def test_a_notebook_that_is_not_there(course, asked):
    with pytest.raises(Unreadable, match="course lab"):
        open_own(asked, course)


def test_a_path_that_is_not_there(course):
    with pytest.raises(Unreadable, match="there is no file"):
        open_own(str(course / "mine.ipynb"), course)


def test_an_exercise_that_does_not_exist(course):
    with pytest.raises(LookupError, match="01_chain_rule"):
        open_own("77", course)


def test_a_broken_notebook_and_a_foreign_one(course):
    with pytest.raises(Unreadable, match="not valid JSON.*save it"):
        open_own(str(save(course, b"{")), course)
    other = course / "other.ipynb"
    other.write_bytes(dumps({"nbformat": 4, "cells": []}))
    with pytest.raises(Unreadable, match="none of the exercises"):
        read_own(other, course)


def test_it_is_found_by_number(course):
    path = save(course, notebook(RIGHT))
    assert open_own("1", course).path == path and open_own("01", course).exercise.name == NAME


def test_a_renamed_notebook_is_found_by_what_it_says(course, capsys):
    path = save(course, notebook({"E01.1": RIGHT["E01.1"]}))
    renamed = path.rename(path.with_name("mine.ipynb"))
    assert open_own("01", course).path == renamed
    overview(course)
    assert "1 of 7" in capsys.readouterr().out
    (path.parent / f"{NAME}-old.ipynb").write_bytes(dumps(notebook(RIGHT)))  # as `course lab --take` leaves it
    (path.parent / "notes.ipynb").write_bytes(b"{")
    lecture = notebook(RIGHT)
    lecture["metadata"]["course"]["kind"] = "lecture"
    (path.parent.parent / "lecture.ipynb").write_bytes(dumps(lecture))
    assert open_own("01", course).path == renamed
    moved = renamed.rename(path.parent.parent / "elsewhere.ipynb")
    assert open_own("01", course).path == moved
    assert open_own("01", course).path != save(course, notebook()) == open_own("01", course).path  # its own name counts


def test_the_lecture_comes_before_its_exercise(course, capsys):
    save(course, notebook())
    lecture = {"nbformat": 4, "cells": [code("print(1)")]}
    path = course / "work" / f"{NAME}.ipynb"
    path.write_bytes(dumps(lecture))
    overview(course)
    assert f"next: lecture 01 ({NAME}), then E01.1 Three words" in capsys.readouterr().out
    lecture["cells"][0]["outputs"] = stored("1", "")
    path.write_bytes(dumps(lecture))
    overview(course)
    assert "next: E01.1 Three words" in capsys.readouterr().out
    lecture["cells"][0]["outputs"] = []
    path.write_bytes(dumps(lecture))
    save(course, notebook({"E01.1": RIGHT["E01.1"]}))  # begun: no way back to the lecture
    overview(course)
    assert "next: E01.1 Three words" in capsys.readouterr().out


def test_what_a_person_looks_for_is_said_once_something_is_written(course, capsys):
    (course / "teaching").mkdir()
    page = (EXERCISE.root / "teaching" / f"{NAME}.md").read_text(encoding="utf-8")
    (course / "teaching" / f"{NAME}.md").write_text(page, encoding="utf-8")
    content = notebook()
    own = read_own(save(course, content), course)
    assert self_check.open_questions(own).endswith("open    E01.8 Symmetric and not symmetric: not written yet")
    cell(content, "E01.8")["source"] = "Two events."
    said = self_check.open_questions(read_own(save(course, content), course))
    assert "Symmetric and not symmetric: written" in said and said.count("\n           1  ") == 4
    assert "a right numeric example with both numbers" in said
    assert max(map(len, said.splitlines())) <= self_check.WIDTH


def test_every_open_question_has_a_rubric_that_adds_up():
    for name in pristine.names():
        exercise = pristine.load(name)
        for task in exercise.open_tasks:
            points = [int(points) for points, _ in self_check.rubric(task, exercise)]
            assert sum(points) == task.max_points, task.id


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_that_has_read_enough_ends_it_quietly():
    code = "import sys; from course_utils import cli; from course_utils.cli import check; "
    code += "check.run = lambda args: [print('x' * 80) for _ in range(9999)] and 0; sys.exit(cli.main(['check']))"
    shell = f'{sys.executable} -c "{code}" | head -n 1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=EXERCISE.root)
    assert (done.stdout, done.stderr, done.returncode) == (f"{'x' * 80}\n", "", 141)


def test_nothing_answered_reminds_to_save(course, capsys, monkeypatch):
    monkeypatch.setattr(self_check, "graded_rows", lambda own: {})
    check_one(str(save(course, notebook())), course)
    assert "save the notebook (Ctrl+S)" in capsys.readouterr().out


def test_mistakes_are_one_line_and_status_2(course, capsys):
    parser = check_command.argparse.ArgumentParser()
    check_command.add_arguments(parser)
    assert check_command.run(parser.parse_args([os.fspath(course / "no.ipynb")])) == 2
    assert capsys.readouterr().err.startswith("course check: there is no file")
