"""The autograder for Gradescope, in a folder laid out as Gradescope does it."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from course_utils.cli import grade as grade_command
from tests.grading.notebooks import NAME, POINTS, RIGHT, WRONG, dumps, notebook


def packed(folder, *words):
    parser = grade_command.argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    return grade_command.run(parser.parse_args(["--gradescope-autograder", str(folder / "out.zip"), *words]))


@pytest.fixture(scope="module")
def autograder(tmp_path_factory, isolation):
    """/autograder, as it is when `setup.sh` has run."""
    root = tmp_path_factory.mktemp("gradescope")
    assert packed(root, "--exercise", "01", *isolation) == 0
    with zipfile.ZipFile(root / "out.zip") as archive:
        archive.extractall(root / "source")
        assert {"setup.sh", "run_autograder"} <= {
            info.filename for info in archive.infolist() if info.external_attr >> 16 & 0o111
        }
    return root


def run(root, files):
    """results.json for a submission of these files, and the exit status."""
    submission = root / "submission"
    submission.mkdir(exist_ok=True)
    for path in submission.iterdir():
        path.unlink()
    for name, data in files.items():
        (submission / name).write_bytes(data)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable}
    done = subprocess.run(["bash", root / "source" / "run_autograder"], env=environment, capture_output=True, text=True)
    return json.loads((root / "results" / "results.json").read_text(encoding="utf-8")), done


def test_a_submission_gets_its_results_json(autograder):
    answers = RIGHT | {"E01.2": WRONG["E01.2"]}
    content, done = run(autograder, {f"{NAME}.ipynb": dumps(notebook(answers)), "notes.txt": b"x"})
    assert done.returncode == 0, done.stderr
    tests = {test["number"]: test for test in content["tests"]}
    assert {task: test["max_score"] for task, test in tests.items()} == POINTS
    assert {task for task, test in tests.items() if test["score"] < test["max_score"]} == {"E01.2"}
    assert content["score"] == sum(POINTS.values()) - POINTS["E01.2"]
    assert tests["E01.2"]["status"] == "failed" and "joint_prob(" in tests["E01.2"]["output"]
    assert str(autograder) not in json.dumps(content)


def test_a_submission_without_a_notebook_is_told_so(autograder):
    content, done = run(autograder, {"answers.pdf": b"%PDF"})
    assert done.returncode == 0 and content["score"] == 0
    assert all("no notebook" in test["output"] for test in content["tests"])


def test_where_the_grader_fails_there_are_no_points_and_no_zero(autograder):
    settings = autograder / "source" / "autograder.json"
    kept = settings.read_text(encoding="utf-8")
    settings.write_text("{}", encoding="utf-8")
    try:
        content, done = run(autograder, {f"{NAME}.ipynb": dumps(notebook(RIGHT))})
    finally:
        settings.write_text(kept, encoding="utf-8")
    assert done.returncode == 1 and "score" not in content and "not your fault" in content["output"]


def test_an_autograder_is_for_exercises_that_are_named(tmp_path, capsys):
    assert packed(tmp_path) == 2 and "--exercise" in capsys.readouterr().err
    assert packed(tmp_path, "--exercise", "99") == 2 and not (tmp_path / "out.zip").exists()


def test_without_submissions_the_command_says_what_it_needs(capsys):
    parser = grade_command.argparse.ArgumentParser()
    grade_command.add_arguments(parser)
    assert grade_command.run(parser.parse_args([])) == 2
    assert "SUBMISSIONS" in capsys.readouterr().err
