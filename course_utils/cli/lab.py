"""Open the course in JupyterLab.

Before it opens, a copy of every lecture and exercise that you do not have yet is laid into work/. Your copies are
yours: they are never overwritten, and an update of the course does not touch them. After an update this says, once,
which of your copies the course has something newer for, and what: the text of a task, a hint, prose or code.

  course lab --take 03                take what is newer in lecture and exercise 03, and open nothing
  course lab --take exercises/03 5    the exercise of lesson 03, and all of lesson 05

Your answers, your own cells and what you changed stay; the text, the checks and what you have not touched become the
new ones. The notebook as it was is kept beside it (03_log_space-old.ipynb). Save and close the notebook in JupyterLab
first. To start a notebook afresh instead, rename or delete your copy and call `course lab` again.

  course lab --work ~/course          your copies go there: where many read one folder of the course
  course lab --ip 0.0.0.0             open to other machines, with the token in the address as the key (a container)

On another machine by SSH, it says what to type on yours. docs/places.md has containers, Binder, JupyterHub, classrooms.
"""

import argparse
import errno
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from course_utils import copies, project
from course_utils.cli import program
from course_utils.notebooks import named, parsed, to_bytes, write_whole

CONFIGURATION = Path(__file__).with_name("jupyter")
FIRST_NOTEBOOK = "00_start_here.ipynb"
REFERENCE = (
    "glossary",
    "symptoms",
    "conventions",
    "scoring",
)  # of docs/, laid beside the copies
LANGUAGE = {  # as the kernel of this environment says it: JupyterLab would write it, and call the notebook changed
    "codemirror_mode": {"name": "ipython", "version": sys.version_info.major},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": ".".join(map(str, sys.version_info[:3])),
}
TOLD = ".told.json"  # in work/: of which edition of each notebook it has been said what is new


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-browser", action="store_true", help="only print the address, for you to open yourself")
    parser.add_argument("--port", type=int, help="the port to listen on (default: 8888, or the next that is free)")
    text = "the address to listen on (default: 127.0.0.1, this machine only; 0.0.0.0: all who can reach it)"
    parser.add_argument("--ip", default="127.0.0.1", help=text)
    text = "where your copies are (default: the folder work/ of the course, or what COURSE_WORK names)"
    parser.add_argument("--work", type=Path, metavar="DIR", help=text)
    parser.add_argument("--lay-out", action="store_true", help="only lay out your copies, and open nothing")
    text = "take what is newer in these lessons, and keep your answers"
    parser.add_argument("--take", nargs="+", metavar="LESSON", help=text)


def run(args: argparse.Namespace) -> int:
    root = project.course_folder()
    if args.work:
        os.environ["COURSE_WORK"] = str(args.work.expanduser().absolute())  # for the kernels and terminals, too
    work = project.work_folder(root)
    if args.take:
        return take(root, args.take)
    try:
        if not args.lay_out:
            see_that_jupyter_can_write()
        new = lay_out_work(root)
    except OSError as error:
        print(f"course lab: {cannot_write(error, work)}", file=sys.stderr)
        return 2
    for news in (new_in_work(new, _below(root, work)), newer_than_work(root, once=True)):
        if news:
            print(news)
    if args.lay_out:
        return 0
    port, remote = args.port, "SSH_CONNECTION" in os.environ
    if remote and port is None:
        port = free_port(8888)
    for line in how_to_open(args.ip, port, browser=not args.no_browser, remote=remote):
        print(line, flush=True)
    command = server_command(work, ip=args.ip, port=port, browser=not (args.no_browser or remote))
    return _become(command, server_environment(dict(os.environ)))


def how_to_open(ip: str, port: int | None, *, browser: bool, remote: bool) -> list[str]:
    """What to do now, for somebody in front of this machine, or of another one that is connected to it by SSH."""
    lines = []
    if ip not in ("127.0.0.1", "localhost", "::1"):
        lines.append("Open to other machines: who has the address below, with its token, can run code as you.")
    if remote:
        host = f"{getpass.getuser()}@{socket.gethostname()}"
        lines.append(f"On your own machine: ssh -N -L {port}:127.0.0.1:{port} {host}")
        lines.append("Then open the address below, beginning with http://127.0.0.1, in your browser there.")
    elif browser:
        lines.append("Opening the course in your browser.")
    else:
        lines.append("Open the address below in a browser.")
    return [*lines[:-1], f"{lines[-1]} Stop it here with Ctrl-C."]


def free_port(first: int) -> int:
    """The first port from this one on that nothing listens on."""
    for port in range(first, first + 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(errno.EADDRINUSE, "no free port", f"ports {first} to {first + 99}")


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


def new_in_work(new: list[Path], where: str = "work") -> str:
    """One line about the files that were laid out: their names, or how many there are."""
    exercises = [path for path in new if path.parent.name == "exercises"]
    if len(new) > 4:
        return f"New in {where}/: {len(new) - len(exercises)} lectures, {len(exercises)} exercises"
    return f"New in {where}/: {', '.join(map(_short, new))}" if new else ""


def newer_than_work(root: Path, once: bool = False) -> str:
    """A line for each notebook that has something new for the copy in work/, and how to take it; "" for none.

    With `once`, what has been said of this edition of a notebook is not said again.
    """
    memory = project.work_folder(root) / TOLD
    told = _told(memory) if once else {}
    found, editions = {}, {}
    for source, copy in _copies(root):
        with suppress(OSError, ValueError):  # a copy that cannot be read is not ours to judge
            original, name = parsed(source.read_bytes()), _short(copy)
            news = copies.news(parsed(copy.read_bytes()), original)
            if news and told.get(name) != (edition := copies.edition(original)):
                found[name], editions[name] = news, edition
    if not found:
        return ""
    if once:
        with suppress(OSError):  # then it is said again
            write_whole(memory, json.dumps(told | editions, indent=1) + "\n")
    width = max(map(len, found))
    lessons = sorted({_lesson(Path(name)) for name in found})
    return "\n".join(
        [
            f"The course has something newer than your copies in {_below(root, project.work_folder(root))}/ "
            "(they stay as they are):",
            *(f"  {name:<{width}}  {news}" for name, news in found.items()),
            f"To take it and keep your answers: {program()} lab --take {' '.join(lessons)}",
        ]
    )


def _told(memory: Path) -> dict[str, str]:
    try:
        told = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


# --- taking what is newer ---------------------------------------------------------------------------------------------


def take(root: Path, names: list[str]) -> int:
    """Takes what is newer in these lessons into the copies in work/. Returns 1 if a copy had to be left as it is."""
    try:
        chosen = dict(pair for name in names for pair in _named(root, name))
    except LookupError as reason:
        print(f"course lab: {reason.args[0]}", file=sys.stderr)
        return 2
    status, any_taken = 0, False
    for source, copy in chosen.items():
        try:
            done = _taken(root, source, copy)
            any_taken |= done.startswith("taken")
            print(f"{_below(root, copy)}: {done}", flush=True)
        except ValueError as reason:
            status = 1
            print(f"{_below(root, copy)}: left as it is. {reason}", file=sys.stderr)
        except OSError as error:
            print(f"course lab: {cannot_write(error, project.work_folder(root))}", file=sys.stderr)
            return 2
    if any_taken:
        print("In a JupyterLab that is open: File, Reload Notebook from Disk.")
    return status


def _named(root: Path, name: str) -> list[tuple[Path, Path]]:
    """The notebooks that "3", "03", "03_log_space", "exercises/03" or a path means, and their copies."""
    folder, _, lesson = name.replace("\\", "/").removesuffix(".ipynb").rpartition("/")
    folder = folder.rpartition("/")[2]
    pairs = [pair for pair in _copies(root) if named(lesson, [pair[0].stem])]
    found = [(source, copy) for source, copy in pairs if folder in ("", source.parent.name, copy.parent.name)]
    if not found:
        known = ", ".join(sorted({_lesson(source) for source, _ in _copies(root)}))
        raise LookupError(f"no lecture or exercise {name!r}; there are lessons {known}")
    return found


def _taken(root: Path, source: Path, copy: Path) -> str:
    """Takes what is newer into one copy; returns what was done. Raises ValueError if one cannot be read, OSError."""
    original = _read(source, f"Get {_below(root, source)} again: it is a part of the course")
    if not copy.exists():
        write_whole(copy, to_bytes(_fresh(original)))
        return "new"
    remedy = "Open it in JupyterLab and save it; or rename it, and `course lab` lays out a fresh one"
    yours = _read(copy, remedy)
    content, notes = copies.renewed(yours, original)
    if not copies.is_renewed(yours, content):
        return "there is nothing newer"
    try:
        renewed = to_bytes(content)
    except ValueError as error:  # half a character
        raise ValueError(f"It cannot be written as text ({error}). {remedy}") from None
    kept = next(path for n in count(1) if not (path := _old(copy, n)).exists())
    write_whole(kept, copy.read_bytes())
    with suppress(OSError):
        shutil.copystat(copy, kept)  # the newer of two is the one that counts when it is handed in
    write_whole(copy, renewed)
    what = copies.news(yours, original) or "what was missing"
    return "\n  ".join([f"taken: {what}. As it was: {_below(root, kept)}", *notes])


def _read(path: Path, remedy: str) -> dict:
    """Raises ValueError, with the reason and the remedy."""
    try:
        return parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"It cannot be read: {reason}. {remedy}") from None


def _old(copy: Path, number: int) -> Path:
    return copy.with_name(f"{copy.stem}-old{f'-{number}' if number > 1 else ''}.ipynb")


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


# --- laying out -------------------------------------------------------------------------------------------------------


def _lesson(path: Path) -> str:
    return path.stem.partition("_")[0]


def _short(path: Path) -> str:
    return f"exercises/{path.stem}" if path.parent.name == "exercises" else path.stem


def _copies(root: Path) -> Iterator[tuple[Path, Path]]:
    """Each lecture and exercise, and where its copy belongs: beside each other, and in work/exercises/."""
    work = project.work_folder(root)
    for folder, target in (("notebooks", work), ("exercises", work / "exercises")):
        for source in sorted((root / folder).glob("*.ipynb")):
            yield source, target / source.name


def lay_out_work(root: Path) -> list[Path]:
    """Copy each lecture and exercise that is not there yet into the work folder, outputs cleared; return the new files.

    Lectures land beside each other, exercises in work/exercises/. A file that exists is never touched.
    """
    new = []
    for source, copy in _copies(root):
        if copy.exists():
            continue
        document = _fresh(parsed(source.read_bytes()))
        write_whole(copy, to_bytes(document))  # else an interrupt might leave half a notebook, which would be kept
        new.append(copy)
    lay_out_reference(root)
    return new


def lay_out_reference(root: Path) -> None:
    """Lay pages to look things up in into docs/, beside the copies. They are the course's: newer ones replace them."""
    for name in REFERENCE:
        page = root / "docs" / f"{name}.md"
        if page.is_file():
            text = page.read_text(encoding="utf-8").replace("](../notebooks/", "](../")
            write_whole(project.work_folder(root) / "docs" / page.name, text)


def _fresh(original: dict) -> dict:
    """A new copy, as JupyterLab would save it."""
    copy = copies.copied(original)
    return copy | {"metadata": copy["metadata"] | {"language_info": LANGUAGE}}


def server_command(
    folder: Path,
    *,
    ip: str = "127.0.0.1",
    port: int | None = None,
    token: str | None = None,
    browser: bool = True,
) -> list[str]:
    """The command that serves a folder in JupyterLab, on this machine only by default, opening the first notebook.

    Without a port Jupyter takes 8888 or the next free one; without a token it makes one up.
    """
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.ip={ip}", f"--ServerApp.root_dir={folder}"]
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
        command += ["--allow-root"]  # in a container everybody is root
    return command


def server_environment(environment: dict[str, str]) -> dict[str, str]:
    """The environment variables for JupyterLab and its kernels, from those of this process."""
    # The course's own configuration comes first. It turns off JupyterLab's news, with its pop-up and its requests, and
    # what nbgrader adds to the page where the tests have installed it.
    configuration = os.pathsep.join(filter(None, [str(CONFIGURATION), environment.get("JUPYTER_CONFIG_PATH")]))
    return {
        **environment,
        "JUPYTER_CONFIG_PATH": configuration,
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
