"""The types of the package: no errors, and an editor knows the names that are fetched on first use."""

import ast
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def errors(project: Path) -> list[str]:
    """What pyright finds in the project, under the settings of its pyproject.toml; "FILE:LINE: what is wrong"."""
    pytest.importorskip("basedpyright", reason="basedpyright is not installed: it comes with the extra `test`")
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson", "-p", project]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=1800)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = json.loads(done.stdout)
    files = [path for path in (project / "course_utils").rglob("*.py") if path.name != "mutants.py"]
    assert found["summary"]["filesAnalyzed"] == len(files)
    return [
        f"{Path(each['file']).relative_to(project)}:{each['range']['start']['line'] + 1}: {each['message']}"
        for each in found["generalDiagnostics"]
        if each["severity"] == "error"
    ]


@pytest.mark.slow
def test_the_package_has_no_errors_of_types():
    assert errors(ROOT) == []


@pytest.mark.slow
def test_an_error_of_types_is_found(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "course_utils").mkdir()
    for name in ("broken.py", "mutants.py"):  # the second is left out: mutants are wrong on purpose
        (tmp_path / "course_utils" / name).write_text("def half(n: int) -> int:\n    return n / 2\n", encoding="utf-8")
    (found,) = errors(tmp_path.resolve())
    assert found.startswith("course_utils/broken.py:2: ") and '"float" is not assignable' in found


@pytest.mark.parametrize("name", ["course_utils", "course_utils.scoring", "course_utils.language_model"])
def test_an_editor_is_told_of_all_names_that_are_fetched_on_first_use(name):
    module = importlib.import_module(name)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    told = {
        alias.name: each.module for each in ast.walk(block) if isinstance(each, ast.ImportFrom) for alias in each.names
    }
    homes = {key: home if "." in home else f"{name}.{home}" for key, home in module._HOMES.items()}
    assert told == homes
    (public,) = (
        ast.literal_eval(node.value)  # an editor reads a list that is written out, and nothing that is computed
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    assert told.keys() <= set(public)
