"""The wheel and the sdist of course_utils hold all that the package needs, the course model among it."""

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import course_utils
from course_utils.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> tuple[Path, Path]:
    """(sdist, wheel), the wheel built from the sdist."""
    uv = pytest.importorskip("uv", reason="uv is not installed").find_uv_bin()
    target = tmp_path_factory.mktemp("dist")
    built = subprocess.run([uv, "build", "--quiet", "--out-dir", target, ROOT], capture_output=True, text=True)
    if built.returncode and "dns error" in built.stderr.lower():
        pytest.skip("no package index can be reached")
    assert built.returncode == 0, built.stderr
    return next(target.glob("*.tar.gz")), next(target.glob("*.whl"))


def test_they_hold_the_package_and_nothing_else(distributions):
    sdist, wheel = distributions
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "course_utils").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == here
    with tarfile.open(sdist) as archive:
        top = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {"course_utils", "pyproject.toml", "README.md", "LICENSE"} <= top
    assert not top & {"tests", "solutions", "notebooks", "work", ".venv"}


@pytest.fixture(scope="module")
def scripts(distributions, tmp_path_factory) -> Path:
    """The programs of an environment that holds the wheel, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    uv = pytest.importorskip("uv").find_uv_bin()
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    subprocess.run([uv, "pip", "install", "-q", "--no-deps", "--python", python, distributions[1]], check=True)
    return scripts


@pytest.fixture
def with_packages(scripts):
    """What the course depends on comes from the environment of the tests; its own place is searched before that."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([scripts / "python", "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    link = Path(site) / "dependencies.pth"
    places = [place for place in sys.path if Path(place).name in ("site-packages", "dist-packages")]
    link.write_text("\n".join(places) + "\n", encoding="utf-8")
    yield
    link.unlink()


def course(scripts: Path, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess:
    left_out = ("PYTHONPATH", "COURSE_MODEL")
    clean = {name: value for name, value in os.environ.items() if name not in left_out}
    return subprocess.run([scripts / "course", *arguments], cwd=folder, env=clean, capture_output=True, text=True)


ARGUMENTS = {"score": ["in.jsonl", "--out", "out.jsonl"], "grade": ["in", "--out", "out"], "new-lesson": ["13_x"]}


def test_the_wheel_alone_says_of_every_command_what_it_needs(scripts, tmp_path):
    for name, command in COMMANDS.items():
        helped = course(scripts, tmp_path, name, "--help")
        assert (helped.returncode, helped.stderr) == (0, ""), name
        if name == "doctor":
            continue
        ran = course(scripts, tmp_path, name, *ARGUMENTS.get(name, []))
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran.stderr
        need = "clone of the course's repository" if command.clone else 'pip install "course_utils[score]"'
        assert ran.stderr.startswith(f"course {name}: ") and need in ran.stderr
        if command.clone:  # there it is the packages that are not there
            in_clone = course(scripts, ROOT, name, *ARGUMENTS.get(name, []))
            assert (in_clone.returncode, in_clone.stderr.count("\n")) == (2, 1), in_clone.stderr
            assert in_clone.stderr.endswith(f'pip install "course_utils[{command.extra}]"\n')


def test_doctor_of_the_wheel_alone_has_a_line_for_what_is_not_there(scripts, tmp_path):
    report = course(scripts, tmp_path, "doctor")
    assert (report.returncode, report.stderr) == (1, "")
    assert "[fail] packages: " in report.stdout and 'pip install "course_utils"' in report.stdout
    assert ".venv" not in report.stdout.replace(str(scripts), "") and "pyproject" not in report.stdout


def test_the_wheel_with_its_packages_works_without_a_clone_and_in_one(scripts, with_packages, tmp_path):
    where = "import course_utils; print(course_utils.__file__)"
    found = subprocess.run([scripts / "python", "-I", "-c", where], capture_output=True, text=True).stdout.strip()
    assert Path(found).is_relative_to(scripts.parent)
    assert course(scripts, tmp_path, "--version").stdout.split() == ["course", course_utils.__version__]

    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "scores.jsonl"
    pairs.write_text('{"x": "The cat sat on the", "y": " mat."}\n', encoding="utf-8")
    scored = course(scripts, tmp_path, "score", pairs, "--out", out)
    assert scored.returncode == 0, scored.stderr
    score = json.loads(out.read_text(encoding="utf-8"))
    assert -40 < score["conditional"] < 0 and score["bytes"] == 5

    shown = course(scripts, ROOT, "slides", "01", "--out", tmp_path / "slides")
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "slides" / "01_chain_rule.html").is_file()


def test_the_version_is_that_of_the_changelog_and_of_the_citation():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = next(line for line in changelog.splitlines() if line.startswith("## "))
    assert newest.removeprefix("## ") == course_utils.__version__
    assert f"version: {course_utils.__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
