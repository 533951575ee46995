"""This project keeps to its own rules."""

from pathlib import Path

from course_utils.authoring import build_command, lints

ROOT = Path(__file__).resolve().parents[2]


def test_course_build_check():
    problems = build_command.check(ROOT, build_command.selected(ROOT, []))
    assert not problems, "\n" + "\n".join(map(str, problems))


def test_the_palette_has_contrast():
    assert lints.palette_contrast() == []
