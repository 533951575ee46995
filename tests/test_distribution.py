"""The wheel and the sdist of course_utils hold all that the package needs, the course model among it."""

import json
import os
import subprocess
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import course_utils

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


def test_the_wheel_scores_a_pair_in_an_environment_of_its_own(distributions, tmp_path):
    environment = tmp_path / "empty"
    venv.create(environment, with_pip=False)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    uv = pytest.importorskip("uv").find_uv_bin()
    subprocess.run([uv, "pip", "install", "-q", "--no-deps", "--python", python, distributions[1]], check=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    # What it depends on comes from the environment of the tests; its own place is searched before that.
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "scores.jsonl"
    pairs.write_text('{"x": "The cat sat on the", "y": " mat."}\n', encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "COURSE_MODEL")}
    run = {"cwd": tmp_path, "env": clean, "capture_output": True, "text": True}
    where = subprocess.run([python, "-c", "import course_utils; print(course_utils.__file__)"], **run)
    assert Path(where.stdout.strip()).is_relative_to(environment)
    scored = subprocess.run([scripts / "course", "score", pairs, "--out", out], **run)
    assert scored.returncode == 0, scored.stderr
    score = json.loads(out.read_text(encoding="utf-8"))
    assert -40 < score["conditional"] < 0 and score["bytes"] == 5
    version = subprocess.run([scripts / "course", "--version"], **run)
    assert version.stdout.split() == ["course", course_utils.__version__]


def test_the_version_is_that_of_the_changelog_and_of_the_citation():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = next(line for line in changelog.splitlines() if line.startswith("## "))
    assert newest.removeprefix("## ") == course_utils.__version__
    assert f"version: {course_utils.__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
