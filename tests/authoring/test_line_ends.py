"""The course is the same in a clone whose git writes other line ends (core.autocrlf, the default on Windows)."""

import shutil
import subprocess
from pathlib import Path

import pytest

import course
from course_utils.staff.authoring.build import build as build_command
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.run import cluster
from tests.clone import copy_of_the_course

TEXTS = {".py", ".ipynb", ".md", ".toml", ".yml", ".txt", ".json", ".jsonl", ".csv", ".tsv", ".html", ".css", ".js"}


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


def texts(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in TEXTS and ".git" not in path.parts]


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A repository of the course as it is here, and nothing that git ignores."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = copy_of_the_course(tmp_path_factory.mktemp("course") / "repository")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "The course")
    return root


def test_a_clone_with_autocrlf_has_the_same_bytes(repository, tmp_path):
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(repository), "clone")
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, encoding="utf-8", check=True)
    files = listed.stdout.splitlines()
    differing = [name for name in files if (repository / name).read_bytes() != (tmp_path / "clone" / name).read_bytes()]
    assert len(files) > 400 and differing == []
    problems = build_command.check(tmp_path / "clone", build_command.selected(tmp_path / "clone", ["01"]))
    assert [str(problem) for problem in problems] == []


def test_what_is_compared_and_hashed_does_not_ask_for_line_ends(project, monkeypatch):
    """Whoever has no .gitattributes at work (a download, an older git) still has the course as it is."""

    def found() -> list:
        problems = build_command.check(project, build_command.selected(project, []))
        return [str(problem) for problem in problems if "style.py" not in problem.file]

    monkeypatch.setattr(pristine, "lessons", lambda: ["90"])
    monkeypatch.setattr(cluster, "PACKAGE", project)
    monkeypatch.setattr(course, "ROOT", project)
    (project / "constraints.txt").write_text("numpy==2.0\ntorch==2.9\n", encoding="utf-8")
    (project / "judge.py").write_text("X = 1\nY = 2\n", encoding="utf-8")

    def hashes() -> list[str]:
        return [pristine.load("90", project).fingerprint, cluster.own_version(), course.fingerprint("python")]

    before = hashes()
    assert found() == []
    for path in texts(project):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert hashes() == before and found() == []
