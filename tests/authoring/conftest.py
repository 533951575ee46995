"""A tiny project to build: one lecture, one solution, in tmp_path; and a maker of notebooks for the lints."""

import base64
import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils.notebooks import is_code
from course_utils.staff.authoring.build import build as build_command
from course_utils.staff.authoring.build import execute
from course_utils.staff.authoring.notebook_files import KINDS, Notebook, canonical

ROOT = Path(__file__).resolve().parents[2]
LESSON = "90_tiny"
NBGRADER = {"grade": False, "locked": False, "schema_version": 3, "solution": False, "task": False}
HEADER = """\
### E90.1 Half

Difficulty ●○○ · Importance ●●● · 2 minutes · 1 point

* `half(x)` returns half of `x`.

<details><summary>Help: my value is twice as large</summary>

Divide, do not multiply.
</details>

Reread: [A product](../90_tiny.ipynb#A-product)"""
ANSWER = '''\
# E90.1
def half(x):
    """Half of x, a float."""
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION'''
README = "# Tiny\n\n<!-- index:begin -->\n<!-- index:end -->\n\nEnd.\n"
CHECK = '# NBVAL_CHECK_OUTPUT\ncheck("E90.1")'


def md(name: str, text: str, tags: tuple[str, ...] = (), **nbgrader) -> dict:
    return {"cell_type": "markdown", "id": name, "metadata": metadata(name, tags, nbgrader), "source": text}


def code(name: str, text: str, outputs: tuple[dict, ...] = (), tags: tuple[str, ...] = (), **nbgrader) -> dict:
    cell = {"cell_type": "code", "id": name, "metadata": metadata(name, tags, nbgrader), "source": text}
    return cell | {"execution_count": 7, "outputs": list(outputs)}


def metadata(name: str, tags: tuple[str, ...], nbgrader: dict) -> dict:
    graded = {"nbgrader": NBGRADER | {"grade_id": name} | nbgrader} if nbgrader else {}
    return ({"tags": list(tags)} if tags else {}) | graded


def stdout(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text}


def picture(alt: str, plain: str | None = None) -> dict:
    """The output of `figure`: a PNG of 4 x 4 pixels with a Software field."""
    from PIL import Image, PngImagePlugin

    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("Software", "a program, version 1.2.3")
    Image.new("RGBA", (4, 4), (255, 255, 255, 255)).save(file, "PNG", pnginfo=info)
    png = base64.b64encode(file.getvalue()).decode()
    html = f'<img alt="{alt}" src="data:image/png;base64,{png}">'
    data = {"image/png": png + "\n", "text/html": html, "text/plain": f"Figure: {alt}" if plain is None else plain}
    return {"output_type": "display_data", "data": data, "metadata": {"needs_background": "light"}}


def content(cells: list[dict], folder: str = "notebooks", lesson: str = LESSON) -> dict:
    course = {"lesson": lesson, "kind": KINDS[folder], "minutes": 10, "device": "cpu", "built_from": "", "version": ""}
    return {"cells": cells, "metadata": {"course": course}, "nbformat": 4, "nbformat_minor": 5}


def notebook(*cells: dict, folder: str = "notebooks", root: Path = Path(), lesson: str = LESSON) -> Notebook:
    """A notebook in canonical form, as the lints get it."""
    return Notebook(root, folder, lesson, canonical(content(list(cells), folder, lesson)))


def answer_and_check(answer: str = ANSWER) -> list[dict]:
    return [
        md("e90-1-task", HEADER, ("card:Q01",)),
        code("e90-1", answer, (), ("answer",), solution=True),
        code(
            "e90-1-check",
            CHECK,
            (stdout("E90.1 half: 1 of 1 points\n"),),
            ("check",),
            grade=True,
            locked=True,
            points=1,
        ),
    ]


@pytest.fixture
def make() -> SimpleNamespace:
    parts = (md, code, stdout, picture, notebook, content, answer_and_check)
    return SimpleNamespace(**{part.__name__: part for part in parts}, HEADER=HEADER, ANSWER=ANSWER, CHECK=CHECK)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A project whose notebooks were never executed."""
    return write_sources(tmp_path)


def write_sources(root: Path) -> Path:
    ruff = "[tool.ruff]\nline-length = 120\n[tool.ruff.lint.isort]\nknown-first-party = ['course_utils']\n"
    project = '[project]\nname = "tiny"\nrequires-python = ">=3.11"\ndependencies = ["torch>=2.9", "numpy"]\n'
    (root / "pyproject.toml").write_text(project + ruff, encoding="utf-8")
    (root / "README.md").write_text(README, encoding="utf-8")
    lecture = [
        md("title", "# Tiny lecture\n\nThen the [exercise](exercises/90_tiny.ipynb)."),
        md("product-section", "## A product\n\nIt comes to 0.04.", ("card:C02",)),
        code("product", "print(0.1 * 0.5)\nprint(0.8 * 0.05)"),
    ]
    solution = [
        md("title", "# Tiny exercise\n\nIt goes with the [lecture](../90_tiny.ipynb)."),
        md("by-hand", "## By hand"),
        code("setup", "check = print", tags=("setup",)),
        *answer_and_check(),
    ]
    for folder, cells in {"notebooks": lecture, "solutions": solution}.items():
        (root / folder).mkdir()
        text = json.dumps(content(cells, folder), indent=4)
        (root / folder / f"{LESSON}.ipynb").write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_sources(tmp_path_factory.mktemp("built"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "executed", pretend)
        build(root)
    return root


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that was built, with a kernel that only pretends (the real one: test_end_to_end.py)."""
    monkeypatch.setattr(execute, "executed", pretend)
    shutil.copytree(built, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ruff_cache"))
    return tmp_path


async def pretend(notebook: Notebook) -> dict:
    result = execute.unexecuted(notebook.content)
    for count, cell in enumerate(filter(is_code, result["cells"]), 1):
        cell |= {"execution_count": count, "outputs": [stdout("0.04000000000000001\n")]}
    return result


def build(root: Path, *names: str, force: bool = False) -> list:
    import asyncio

    return asyncio.run(build_command.build(root, build_command.selected(root, list(names)), force=force))


@pytest.fixture(name="build")
def build_fixture():
    return build
