"""The `course` command: one table of commands, each a module that is imported only when it is chosen.

A command's module has `add_arguments(parser)` and `run(args) -> int`, the exit status. What a command is for stands
in its module's docstring, which its `--help` shows.
"""

import argparse
import importlib
import sys
from pathlib import Path

from course_utils.project import PACKAGE

# name: (module, one line of help), in the order in which `course --help` lists them
COMMANDS = {
    "lab": ("lab", "open the course in JupyterLab"),
    "check": ("check", "check your answers, or see what is done and what is next"),
    "doctor": ("doctor", "find out what is wrong with the set-up, and the remedy"),
    "test": ("test", "run all tests of the course"),
    "score": ("score", "log-probabilities of the pairs in a file, with any model"),
    "grade": ("grade", "grade a folder of submissions"),
    "build": ("build", "make everything that is generated from the sources"),
    "slides": ("slides", "turn a lecture into slides"),
    "site": ("site", "turn the course into a website"),
    "new-lesson": ("new_lesson", "start a new lesson"),
}
OF_STAFF = ("check", "test", "grade", "build", "slides", "site", "new-lesson")  # these need course_utils/staff

# What is said of a command that is not there: `course build --handout` leaves some out.
NOT_HERE = {
    "check": "it came without the judges. The check cell below a task says whether your answer runs; whether it is "
    "right is checked when you hand it in"
}
FOR_INSTRUCTORS = "it is for instructors, who have the whole course"


def main(argv: list[str] | None = None) -> int:
    """Run `course` with these arguments (the process's own if None) and return the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    available = {name: entry for name, entry in COMMANDS.items() if name not in OF_STAFF or has_staff()}
    chosen = argv[0] if argv else None
    if chosen in COMMANDS and chosen not in available:
        print(f"`{program()} {chosen}` is not in this copy of the course: {NOT_HERE.get(chosen, FOR_INSTRUCTORS)}.")
        return 2
    if chosen not in available:
        _overview(available).parse_args(argv or ["--help"])
        return 2  # not reached: argparse has printed the help or the mistake, and has left
    module = importlib.import_module(f"course_utils.cli.{available[chosen][0]}")
    parser = argparse.ArgumentParser(
        prog=f"{program()} {chosen}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.add_arguments(parser)
    return module.run(parser.parse_args(argv[1:])) or 0


def program() -> str:
    """How the reader calls the course here: `course` where it is on the path, else through course.py."""
    return "course" if Path(sys.argv[0]).stem == "course" and not sys.argv[0].endswith(".py") else "python3 course.py"


def has_staff() -> bool:
    """Whether this copy of the course holds what is for staff."""
    return (PACKAGE / "staff").is_dir()


def _overview(available: dict[str, tuple[str, str]]) -> argparse.ArgumentParser:
    from course_utils import __version__

    width = max(map(len, available))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in available.items()]
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
