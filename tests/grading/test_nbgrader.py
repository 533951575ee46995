"""nbgrader on solutions/: its own release and its own autograding give the points that `course grade` gives."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.notebooks import source
from course_utils.staff.grading.place import pristine
from tests.grading.notebooks import RIGHT, WRONG

pytestmark = [pytest.mark.slow, pytest.mark.nbgrader]
EXERCISES = ("01", "02")
ASSIGNMENT = "ps"

SOLVED = {
    cell["id"].upper().replace("-", "."): source(cell)
    for cell in pristine.load("02").solution["cells"]
    if pristine.is_answer(cell)
}
HALF = """\
# E02.4
def prefix_prob(cond, tokens):
    return math.prod(cond(token, (BOS, *tokens[:i])) for i, token in enumerate(tokens))


def complete_prob(cond, tokens, eos):
    return prefix_prob(cond, tokens)"""
NOTHING = {task: f"{source.partition('(')[0]}(*given):\n    return None" for task, source in SOLVED.items()}
ANSWERS = {
    "right": {"01": RIGHT | {"E01.8": "They are two events."}, "02": SOLVED},
    "partly": {"01": RIGHT | {"E01.2": WRONG["E01.2"], "E01.7": WRONG["E01.7"]}, "02": SOLVED | {"E02.4": HALF}},
    "wrong": {"01": WRONG, "02": NOTHING},
    "raising": {"01": RIGHT | {"E01.3": "# E01.3\n1 / 0"}, "02": SOLVED | {"E02.1": "# E02.1\ndef e02_1(:"}},
}


def nbgrader(folder, *words):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it calls programs that came with it
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(Path(pristine.__file__).parents[2])}
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def answered(release: dict, answers: dict[str, str]) -> dict:
    """The released notebook with these answers typed in."""
    content = json.loads(json.dumps(release))
    for cell in content["cells"]:
        task = cell["id"].upper().replace("-", ".")
        if task in answers:
            cell["source"] = answers[task]
    return content


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of nbgrader's, released, handed in and autograded by its own commands."""
    pytest.importorskip("nbgrader")
    folder = tmp_path_factory.mktemp("nbgrader")
    for name in EXERCISES:
        exercise = pristine.load(name)
        source = folder / "source" / ASSIGNMENT / f"{exercise.name}.ipynb"
        source.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(exercise.root / "solutions" / source.name, source)
    nbgrader(folder, "generate_assignment", ASSIGNMENT)
    for student, answers in ANSWERS.items():
        for path in (folder / "release" / ASSIGNMENT).glob("*.ipynb"):
            content = answered(json.loads(path.read_text(encoding="utf-8")), answers[path.name[:2]])
            target = folder / "submitted" / student / ASSIGNMENT / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(content), encoding="utf-8")
    nbgrader(folder, "autograde", ASSIGNMENT)
    return folder


@pytest.fixture(scope="module")
def their_points(course):
    """By student and task, what nbgrader's gradebook says."""
    from nbgrader.api import Gradebook

    points = {}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for submission in gradebook.assignment_submissions(ASSIGNMENT):
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    task = grade.name.removesuffix("-check").upper().replace("-", ".")
                    points[submission.student.id, task] = (grade.auto_score, grade.max_score)
    return points


def test_the_same_points_as_nbgrader_for_right_partly_right_and_wrong(course, their_points, course_grade):
    ours = course_grade(course / "submitted", course / "report", "--seed", 1)
    assert ours.status == 0, ours.said
    got = {(row["student"], row["task"]): (float(row["points"]), float(row["max_points"])) for row in ours.rows}
    theirs = {key: points for key, points in their_points.items() if key in got}
    assert theirs == got
    assert set(ANSWERS) == {student for student, _ in got}
    assert got["partly", "E02.4"] == (1.0, 2.0)  # part of a task's points, on both sides


def test_an_open_task_is_left_to_a_person(their_points):
    (task,) = pristine.load("01").open_tasks
    assert their_points["right", task.id] == (None, task.max_points)


def test_no_solution_is_released(course):
    released = "".join(path.read_text(encoding="utf-8") for path in (course / "release").rglob("*.ipynb"))
    assert "SOLUTION" not in released and "raise NotImplementedError" in released
