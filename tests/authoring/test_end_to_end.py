"""One build with a real kernel."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from course_utils.staff.authoring.build import build as build_command
from course_utils.staff.authoring.build import execute

pytestmark = pytest.mark.slow

PROBE = """\
import os
import sys

print(sorted(os.listdir()), os.environ.get("COURSE_BUILD"), os.environ["PYTHONHASHSEED"])
print(os.path.realpath(sys.executable))"""


def cell(root, folder, name):
    content = json.loads((root / folder / "90_tiny.ipynb").read_text(encoding="utf-8"))
    return next(cell for cell in content["cells"] if cell["id"] == name)


def test_build_with_a_real_kernel(sources, build):
    build(sources)
    assert cell(sources, "notebooks", "product")["outputs"][0]["text"] == ["0.05\n", "0.04000000000000001\n"]
    assert cell(sources, "solutions", "e90-1-check")["outputs"][0]["text"] == ["E90.1\n"]
    assert cell(sources, "exercises", "e90-1")["source"][-1] == "    raise NotImplementedError"
    found = build_command.check(sources, build_command.selected(sources, []))
    assert [str(problem) for problem in found if "style.py" not in problem.file] == []


def test_an_interrupted_build_leaves_the_old_file(sources):
    path = sources / "notebooks" / "90_tiny.ipynb"
    slow = "import pathlib, time\\npathlib.Path({!r}).touch()\\ntime.sleep(600)".format(str(sources / "running"))
    path.write_text(path.read_text(encoding="utf-8").replace("print(0.1 * 0.5)", slow), encoding="utf-8")
    before = path.read_bytes()
    command = [sys.executable, "-m", "course_utils.cli", "build", "notebooks/90", "--root", str(sources)]
    build = subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8")
    deadline = time.monotonic() + 300
    while not (sources / "running").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    build.send_signal(signal.SIGINT)
    _, errors = build.communicate(timeout=300)
    assert "interrupted" in errors and "Traceback" not in errors
    assert build.returncode == 130
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["90_tiny.ipynb"]


def run(make, *sources):
    cells = [make.code(f"part-{i}", text) for i, text in enumerate(sources)]
    return asyncio.run(execute.executed(make.notebook(*cells)))


def test_the_kernel_is_this_interpreters_and_starts_in_an_empty_folder(make):
    text = run(make, PROBE)["cells"][0]["outputs"][0]["text"]
    assert text == f"[] 1 0\n{os.path.realpath(sys.executable)}\n"


@pytest.mark.parametrize(
    "source, message",
    [
        ("1 / 0", "cell part-1: ZeroDivisionError: division by zero"),
        ("import warnings\nwarnings.warn('careful')", "cell part-1: it wrote to stderr: warnings.warn('careful')"),
        ("import os\nos._exit(1)", "cell part-1: the kernel died"),
    ],
)
def test_what_cannot_be_published_is_refused(make, source, message):
    with pytest.raises(execute.ExecutionError, match="part-1") as caught:
        run(make, "1", source)
    assert message in str(caught.value)
