"""Find out what is wrong with the set-up.

One line for each thing that the course uses: [ok], or [fail] with the remedy below it. The exit status is 1 only where
something that the lessons need fails: the device decides speed, the sandbox is for grading, the browser for tests.
Where there are no lessons, only the package, it looks at what that was installed for.
"""

import argparse
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from course_utils import project, requirements
from course_utils.cli import has_staff
from course_utils.project import PACKAGE
from course_utils.requirements import has_nvidia_driver

GIB = 1024**3
MEMORY_NEEDED = 2 * GIB  # a kernel with torch and the course model, beside JupyterLab and a browser
DISK_NEEDED = 1 * GIB
OF_STAFF = ("sandbox", "browser")  # what only they use
USES = ("score", "lab", "grade", "author", "test")  # the extras whose presence is told


def set_up_again() -> str:
    """How to get a package that is whole again: through course.py where it made the environment, else with pip."""
    venv = PACKAGE.parent / ".venv"
    if project.is_course(PACKAGE.parent) and venv.is_dir():
        return "delete the folder .venv and run: python3 course.py doctor"
    return f"{requirements.install_command('lab')} --force-reinstall"


def model_again() -> str:
    """How to get the files of the course model back."""
    if (PACKAGE.parent / ".git").exists():
        return "git checkout -- course_utils/language_model"
    return "get a fresh copy of the course" if project.is_course(PACKAGE.parent) else SET_UP_AGAIN


SET_UP_AGAIN = set_up_again()
MODEL_AGAIN = model_again()


class Failure(Exception):
    """What is wrong, and the remedy."""

    def __init__(self, finding: str, remedy: str) -> None:
        super().__init__(finding)
        self.finding, self.remedy = finding, remedy


class Line(NamedTuple):
    """One line of the report."""

    name: str
    ok: bool
    finding: str
    remedy: str
    needed: bool  # by `course lab`

    def __str__(self) -> str:
        line = f"[{'ok' if self.ok else 'fail'}]".ljust(7) + f"{self.name}: {self.finding}"
        return line if self.ok else f"{line}\n       remedy: {self.remedy}"


class Check(NamedTuple):
    """Something to look at: `look` returns what it found, or raises Failure."""

    name: str
    look: Callable[[], str]
    needed: bool  # by the lessons
    remedy: str  # for what nobody thought of
    extra: str  # where that is not installed, and nobody has asked for the lessons, there is nothing to look at


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(args: argparse.Namespace) -> int:
    lessons = project.find_course() is not None
    broken = []
    for line in examine([check for check in CHECKS if concerns(check, lessons)]):
        print(line, flush=True)
        if line.needed and not line.ok:
            broken.append(line.name)
    if broken:
        print(f"\n{'The lessons need this' if lessons else 'See to this'} first: {', '.join(broken)}.")
        return 1
    print("\nThe lessons can start." if lessons else "\nAll is well. The lessons are in the course's repository.")
    return 0


def concerns(check: Check, lessons: bool) -> bool:
    """Whether to look: at everything where the lessons are, else at what the package was installed for."""
    if check.name in OF_STAFF and not has_staff():
        return False
    return lessons or not check.extra or not requirements.missing(check.extra)


def examine(checks: list[Check]) -> Iterator[Line]:
    """Look at everything in turn; whatever goes wrong becomes a line of the report."""
    for check in checks:
        try:
            yield Line(check.name, True, check.look(), "", check.needed)
        except Failure as failure:
            yield Line(check.name, False, failure.finding, failure.remedy, check.needed)
        except ModuleNotFoundError as error:
            finding = f"{error.name} is not installed"
            yield Line(check.name, False, finding, requirements.install_command(check.extra), check.needed)
        except Exception as error:
            finding = f"{type(error).__name__}: {error}".splitlines()[0]
            yield Line(check.name, False, finding, check.remedy, check.needed)


# ------------------------------------------------------------------------------------------------- what is looked at


def python() -> str:
    version = platform.python_version()
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        raise Failure(f"{version}; the course needs 3.11 to 3.14", "install one of these, then " + SET_UP_AGAIN)
    return f"{version}, {sys.prefix}"


def packages(root: Path | None = None) -> str:
    """What the course is installed for is there, in versions that it takes. In a clone it is there for the lessons."""
    from packaging.requirements import Requirement

    uses = [extra for extra in USES if not requirements.missing(extra, root=root)]
    if (root or project.find_course()) and "lab" not in uses:
        uses.append("lab")
    required = [Requirement(text) for text in requirements.required(*uses, root=root) if requirements.applies(text)]
    pins = pinned_versions((root or PACKAGE.parent) / "constraints.txt")
    missing, wrong, different = requirements.missing(*uses, root=root), [], []
    for requirement in required:
        if requirement.name in missing:
            continue
        version, pin = metadata.version(requirement.name), pins.get(requirement.name)
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} (needed: {requirement.specifier})")
        elif pin and version.partition("+")[0] != pin:
            different.append(f"{requirement.name} {version} (tested: {pin})")
    if missing or wrong:
        faults = ([f"not installed: {', '.join(missing)}"] if missing else []) + wrong
        raise Failure("; ".join(faults), requirements.install_command(*uses))
    told = " for ".join([f"all {len(required)}", *filter(None, [", ".join(uses)])])
    if different:
        return f"{told}; other than tested: {', '.join(different)}"
    return f"{told} in {'the tested versions' if pins else 'versions that the course takes'}"


def pinned_versions(constraints: Path) -> dict[str, str]:
    """The version that constraints.txt pins for each package here; none where the package lies in no clone."""
    from packaging.requirements import Requirement

    text = constraints.read_text(encoding="utf-8") if constraints.is_file() else ""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    pins = [Requirement(line) for line in lines if line]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in here}


def kernel() -> str:
    """A notebook kernel really starts and computes."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60, stderr=subprocess.DEVNULL)
    try:
        seen = []
        client.execute_interactive(
            "import sys, course_utils; print(1 + 1); print(sys.prefix)",
            timeout=60,
            output_hook=lambda message: seen.append(message["content"]),
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    printed = "".join(content.get("text", "") for content in seen).split("\n")
    if printed[0] != "2":
        fault = next((f"{content['ename']}: {content['evalue']}" for content in seen if "ename" in content), printed)
        raise Failure(f"1 + 1 gave no 2 but {fault}", SET_UP_AGAIN)
    if printed[1] != sys.prefix:
        remedy = "jupyter kernelspec remove python3 (it hides this environment's own kernel)"
        raise Failure(f"it runs another Python, in {printed[1]}", remedy)
    return "starts and computes"


def device() -> str:
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return f"cuda, {properties.name}, {properties.total_memory / GIB:.0f} GiB"
    if has_nvidia_driver():
        if torch.version.cuda is None:
            here = project.is_course(PACKAGE.parent)
            command = "python3 course.py --torch cuda doctor" if here else "pip install --force-reinstall torch"
            remedy = f"{command} (or carry on: every lesson runs on the CPU)"
            raise Failure("there is an NVIDIA driver, but this torch is the CPU build", remedy)
        remedy = f"update the driver to one for CUDA {torch.version.cuda} (or carry on: every lesson runs on the CPU)"
        raise Failure("there is an NVIDIA driver, but torch cannot use the GPU", remedy)
    return f"cpu, {torch.get_num_threads()} threads (every lesson runs on it)"


def memory() -> str:
    import psutil

    free = psutil.virtual_memory().available
    if free < MEMORY_NEEDED:
        remedy = (
            "close other programs, and kernels that you no longer use (in JupyterLab: Kernel, Shut Down All Kernels)"
        )
        raise Failure(f"{free / GIB:.1f} GiB free, {MEMORY_NEEDED / GIB:.0f} needed", remedy)
    return f"{free / GIB:.1f} GiB free"


def disk() -> str:
    place = project.find_course() or Path.cwd()
    free = shutil.disk_usage(place).free
    if free < DISK_NEEDED:
        raise Failure(f"{free / GIB:.1f} GiB free, {DISK_NEEDED / GIB:.0f} needed", f"make room on the disk of {place}")
    with tempfile.TemporaryFile(dir=place):  # and it may be written to
        return f"{free / GIB:.0f} GiB free"


def course_model() -> str:
    """The course model's files are there, it loads, and it gives log-probabilities."""
    if importlib.util.find_spec("course_utils.language_model") is None:
        raise Failure("course_utils/language_model is not there", MODEL_AGAIN)
    from course_utils.language_model import COURSE_MODEL_FOLDER, load_language_model

    if not any(COURSE_MODEL_FOLDER.glob("*.safetensors")):
        raise Failure(f"its weights are not in {COURSE_MODEL_FOLDER}", MODEL_AGAIN)
    import torch

    model, tokenizer = load_language_model("course", device="cpu")
    with torch.no_grad():
        log_probs = model(torch.tensor([tokenizer("The cat").input_ids])).logits[0, -1].log_softmax(-1)
    if not torch.isfinite(log_probs).all():
        raise Failure("its log-probabilities are not finite", MODEL_AGAIN)
    return f"loads and computes, {len(log_probs)} tokens"


def sandbox() -> str:
    """The same trial as that of `course grade`: a kernel's Python runs inside."""
    from course_utils.staff.grading.run.worker import run_folder
    from course_utils.staff.grading.sandbox.isolation import Unavailable, find_sandbox

    with run_folder() as folder:
        try:
            find_sandbox(Path(folder))
        except Unavailable as reason:
            raise Failure(reason.finding, reason.remedy) from None
    return version_of("bwrap")


def browser() -> str:
    from course_utils.staff.authoring.render.browser import find_browser

    found = find_browser()
    if found is None:
        raise Failure(
            "no Chromium or Chrome found", "sudo apt install chromium (only the tests and the PDF of slides use it)"
        )
    return found


def version_of(program: str) -> str:
    """The version that a program tells of itself."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30).stdout.strip()
    return re.sub(r"\s+", " ", told) or program


CHECKS = [
    Check("Python", python, True, SET_UP_AGAIN, ""),
    Check("packages", packages, True, SET_UP_AGAIN, ""),
    Check("kernel", kernel, True, SET_UP_AGAIN, "lab"),
    Check("device", device, False, SET_UP_AGAIN, "score"),
    Check("memory", memory, True, "close other programs", "lab"),
    Check("disk", disk, True, "start the course on a disk that you may write to", ""),
    Check("course model", course_model, True, MODEL_AGAIN, "score"),
    Check("sandbox", sandbox, False, "see docs/grading.md", "grade"),
    Check("browser", browser, False, "sudo apt install chromium", "author"),
]
