"""The `course` command: one table of commands, each a module that is imported only when it is chosen.

A command's module has `add_arguments(parser)` and `run(args) -> int`, the exit status. What a command is for stands
in its module's docstring, which its `--help` shows; for that the standard library is enough. Before `run` is called,
this module has seen to it that the command finds what its line of the table names.
"""

import argparse
import contextlib
import importlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

from course_utils import project, requirements
from course_utils.project import PACKAGE


class Command(NamedTuple):
    """A line of the table."""

    module: str
    summary: str  # for `course --help`
    extra: str  # of pyproject.toml: the packages without which it does not work
    clone: bool = True  # it works on a clone of the course
    staff: bool = True  # it needs course_utils/staff


# in the order in which `course --help` lists them
COMMANDS = {
    "lab": Command("lab", "open the course in JupyterLab", "lab", staff=False),
    "check": Command("check", "check your answers, or see what is done and what is next", "lab"),
    "review": Command("review", "bring back what you once got wrong, ten minutes at a time", "lab", staff=False),
    "forget": Command("forget", "delete what the course remembers of you", "lab", staff=False),
    "doctor": Command("doctor", "find out what is wrong with the set-up, and the remedy", "", False, False),
    "test": Command("test", "run all tests of the course", "test"),
    "score": Command("score", "log-probabilities of the pairs in a file, with any model", "score", False, False),
    "grade": Command("grade", "grade a folder of submissions", "grade"),
    "build": Command("build", "make everything that is generated from the sources", "author"),
    "slides": Command("slides", "turn a lecture into slides", "author"),
    "site": Command("site", "turn the course into a website", "author"),
    "new-lesson": Command("new_lesson", "start a new lesson", "author"),
}

# What is said of a command that is not there: `course build --handout` leaves some out.
NOT_HERE = {
    "check": "it came without the judges. The check cell below a task says whether your answer runs; whether it is "
    "right is checked when you hand it in"
}
ENDED_BY_READER = 141  # what a shell says of a program that a closed pipe has ended: 128 and SIGPIPE
FOR_INSTRUCTORS = "it is for instructors, who have the whole course"


def main(argv: list[str] | None = None) -> int:
    """Run `course` with these arguments (the process's own if None) and return the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    available = {name: command for name, command in COMMANDS.items() if has_staff() or not command.staff}
    chosen = argv[0] if argv else None
    if chosen in COMMANDS and chosen not in available:
        print(f"`{program()} {chosen}` is not in this copy of the course: {NOT_HERE.get(chosen, FOR_INSTRUCTORS)}.")
        return 2
    if chosen not in available:
        _overview(available).parse_args(argv or ["--help"])
        return 2  # not reached: argparse has printed the help or the mistake, and has left
    command = available[chosen]
    module = importlib.import_module(f"course_utils.cli.{command.module}")
    parser = argparse.ArgumentParser(
        prog=f"{program()} {chosen}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.add_arguments(parser)
    args = parser.parse_args(argv[1:])
    try:
        _see_to_needs(command, args)
    except LookupError as reason:
        print(f"course {chosen}: {reason}", file=sys.stderr)
        return 2
    try:
        status = module.run(args) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read what is printed has read enough: `course check | head`
        with contextlib.suppress(OSError, ValueError):  # nothing more is to be written when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ENDED_BY_READER


def _see_to_needs(command: Command, args: argparse.Namespace) -> None:
    """Raises LookupError, with what to do, where a command cannot work here."""
    if command.clone and not getattr(args, "root", None):
        project.course_folder()
    if command.extra and (missing := requirements.missing(command.extra)):
        install = requirements.install_command(command.extra)
        names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise LookupError(f"not installed: {names}. Install with: {install}")


def program() -> str:
    """How the reader calls the course here: `course` where it is on the path, else through course.py."""
    return "course" if Path(sys.argv[0]).stem == "course" and not sys.argv[0].endswith(".py") else "python3 course.py"


def has_staff() -> bool:
    """Whether this copy of the course holds what is for staff."""
    return (PACKAGE / "staff").is_dir()


def _overview(available: dict[str, Command]) -> argparse.ArgumentParser:
    from course_utils import __version__

    width = max(map(len, available))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in available.items()]
    parser = argparse.ArgumentParser(
        prog=program(),
        usage=f"{program()} COMMAND ...",
        description="The course on the log-probability of sequences in language models.\n\n" + "\n".join(lines),
        epilog=f"`{program()} COMMAND --help` explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", metavar="COMMAND", choices=list(available), help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"course {__version__}")
    return parser
