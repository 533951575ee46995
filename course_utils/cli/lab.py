"""Open the course in JupyterLab.

Before it opens, a copy of every lecture and exercise that you do not have yet is laid into work/. Your copies are
yours: they are never overwritten, and an update of the course does not touch them. After an update this says which
notebooks have a newer version than the one that your copy was made from. To get it, or to start a notebook afresh,
rename or delete your copy and call this again.
"""

import argparse
import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from course_utils import project
from course_utils.notebooks import to_bytes, without_outputs, write_whole

CONFIGURATION = Path(__file__).with_name("jupyter")
FIRST_NOTEBOOK = "00_start_here.ipynb"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-browser", action="store_true", help="only print the address, for you to open yourself")
    parser.add_argument("--port", type=int, help="the port to listen on (default: 8888, or the next that is free)")


def run(args: argparse.Namespace) -> int:
    root = project.course_folder()
    try:
        see_that_jupyter_can_write()
        new = lay_out_work(root)
    except OSError as error:
        print(f"course lab: {cannot_write(error, root / 'work')}", file=sys.stderr)
        return 2
    for news in (new_in_work(new), newer_than_work(root)):
        if news:
            print(news)
    print("Opening the course in your browser. Stop it here with Ctrl-C.", flush=True)
    command = server_command(root / "work", port=args.port, browser=not args.no_browser)
    return _become(command, server_environment(dict(os.environ)))


def see_that_jupyter_can_write() -> None:
    """Raises OSError, with the folder's name, where JupyterLab would find no place for its own files, and end."""
    from jupyter_core.paths import jupyter_runtime_dir

    folder = Path(jupyter_runtime_dir())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None


def cannot_write(error: OSError, work: Path) -> str:
    """What keeps the course from being opened, and what to do about it."""
    fault = f"{error.filename} cannot be written ({error.strerror})"
    if not Path(error.filename or "").is_relative_to(work):
        return f"{fault}. JupyterLab keeps its own files there; name another folder in JUPYTER_RUNTIME_DIR"
    if isinstance(error, FileExistsError):
        return f"{error.filename} is a file, and your notebooks go into a folder of this name. Rename the file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{fault}. Make room on the disk; what is in {work} is whole"
    return f"{fault}. Your notebooks go there: copy the course to a folder of your own, and open it there"


def new_in_work(new: list[Path]) -> str:
    """One line about the files that were laid out: their names, or how many there are."""
    exercises = [path for path in new if path.parent.name == "exercises"]
    if len(new) > 4:
        return f"New in work/: {len(new) - len(exercises)} lectures, {len(exercises)} exercises"
    return f"New in work/: {', '.join(map(_short, new))}" if new else ""


def newer_than_work(root: Path) -> str:
    """One line about the notebooks whose code is another now than when the copy in work/ was made."""
    names = [_short(copy) for source, copy in _copies(root) if _made_from(copy) not in (None, _made_from(source))]
    if not names:
        return ""
    return f"Newer than your copy in work/: {', '.join(names)}. Yours stays; rename it to get the new one as well."


def _short(path: Path) -> str:
    return f"exercises/{path.stem}" if path.parent.name == "exercises" else path.stem


def _copies(root: Path) -> Iterator[tuple[Path, Path]]:
    """Each lecture and exercise, and where its copy belongs: beside each other, and in work/exercises/."""
    for source_folder, target_folder in (("notebooks", "work"), ("exercises", "work/exercises")):
        for source in sorted((root / source_folder).glob("*.ipynb")):
            yield source, root / target_folder / source.name


def _made_from(notebook: Path) -> str | None:
    """The hash of the code that a notebook was built from; None where it is not known."""
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["course"]["built_from"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def lay_out_work(root: Path) -> list[Path]:
    """Copy each lecture and exercise that is not there yet into root/work, outputs cleared; return the new files.

    Lectures land beside each other, exercises in work/exercises/. A file that exists is never touched.
    """
    new = []
    for source, copy in _copies(root):
        if copy.exists():
            continue
        document = json.loads(source.read_text(encoding="utf-8"))
        document["cells"] = [without_outputs(cell) for cell in document["cells"]]
        write_whole(copy, to_bytes(document))  # else an interrupt might leave half a notebook, which would be kept
        new.append(copy)
    return new


def server_command(
    folder: Path, *, port: int | None = None, token: str | None = None, browser: bool = True
) -> list[str]:
    """The command that serves a folder in JupyterLab on this machine only, opening the first notebook.

    Without a port Jupyter takes 8888 or the next free one; without a token it makes one up.
    """
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    command += [f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}"]
    command += ["--LabApp.extension_manager=readonly"]  # lists extensions without asking PyPI
    command += ["--log-level=ERROR"]  # the address is printed all the same
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if token is not None:
        command += [f"--IdentityProvider.token={token}"]
    if not browser:
        command += ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command += ["--allow-root"]  # in a container everybody is root; only this machine can reach the server
    return command


def server_environment(environment: dict[str, str]) -> dict[str, str]:
    """The environment variables for JupyterLab and its kernels, from those of this process."""
    # The course's own configuration comes first. It turns off JupyterLab's news, with its pop-up and its requests, and
    # what nbgrader adds to the page where the tests have installed it.
    configuration = os.pathsep.join(filter(None, [str(CONFIGURATION), environment.get("JUPYTER_CONFIG_PATH")]))
    return {
        **environment,
        "JUPYTER_CONFIG_PATH": configuration,
        "COURSE_LIVE": "1",  # course_utils.lesson.interact then shows sliders
        "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, whatever kernels the user has installed elsewhere
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def _become(command: list[str], environment: dict[str, str]) -> int:
    """Hand this process over to a command, so that Ctrl-C and signals reach it directly."""
    if os.name == "nt":
        try:
            return subprocess.call(command, env=environment)
        except KeyboardInterrupt:
            return 0
    os.execve(command[0], command, environment)
