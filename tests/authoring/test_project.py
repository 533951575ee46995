"""This project keeps to its own rules."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.staff.authoring import lints
from course_utils.staff.authoring.build import build as build_command
from course_utils.staff.authoring.build import execute
from course_utils.staff.authoring.notebook_files import lessons, read

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


def test_lectures_without_a_model_do_not_load_torch():
    """What they import takes half a second, and torch would take seconds more."""
    numpy_only = [lesson for lesson in lessons(ROOT, "notebooks") if "01" <= lesson[:2] <= "08"]
    assert len(numpy_only) == 8
    imports = [
        "".join(cell["source"])
        for lesson in numpy_only
        for cell in read(ROOT, "notebooks", lesson).cells
        if cell["id"] == "setup"
    ]
    assert len(imports) == 8
    code = "\n".join([*imports, "import sys", "print({'torch', 'transformers'} & set(sys.modules) or 'neither')"])
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout == "neither\n", ran.stdout + ran.stderr
