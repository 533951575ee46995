"""This project keeps to its own rules."""

import asyncio
from pathlib import Path

import pytest

from course_utils.authoring import build_command, execute, lints
from course_utils.authoring.notebook_files import lessons, read

ROOT = Path(__file__).resolve().parents[2]


def test_course_build_check():
    problems = build_command.check(ROOT, build_command.selected(ROOT, []))
    assert not problems, "\n" + "\n".join(map(str, problems))


def test_the_palette_has_contrast():
    assert lints.palette_contrast() == []


@pytest.mark.slow
@pytest.mark.parametrize("lesson", lessons(ROOT, "exercises"))
def test_an_untouched_exercise_runs_from_top_to_bottom(lesson):
    content = asyncio.run(execute.executed(read(ROOT, "exercises", lesson)))
    checks = [cell for cell in content["cells"] if cell["id"].endswith("-check")]
    assert checks
    for cell in checks:
        assert "not answered yet" in cell["outputs"][0]["text"], cell["id"]
        assert cell["outputs"][-1]["data"]["text/plain"] == "0.0", cell["id"]
