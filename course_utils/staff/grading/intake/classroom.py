"""Clones: GitHub Classroom's `<assignment>-submissions/<assignment>-<user name>`, GitLab's, forks.

A file was handed in when the last commit that touched it was made. The repositories are strangers': git sees their
objects and nothing else. Its folder is an empty one of ours, so no configuration, hook, filter or remote of theirs is
read, nothing is checked out or written, and time, memory and what is read of its answer are bounded.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from course_utils.staff.grading.intake.named import Known, Named, Parts, Text

GIT = ".git"  # stands for a clone among the paths; its text is that of `log`
SECONDS, MOST_BYTES, MOST_MEMORY, COMMITS = 10.0, 4_000_000, 2**31, 5_000
COMMIT = re.compile(r"[0-9a-f]{40}")
TABLES = (("identifier", "github_username"),)  # of GitHub Classroom's classroom_roster.csv
BRANCH = re.compile(r"ref: (refs/heads/[\w.+@/-]+)")


def names(paths: Iterable[Parts], text: Text) -> dict[Parts, Named]:
    paths = list(paths)
    clones = {path[:-1] for path in paths if len(path) > 1 and path[-1] == GIT}
    if len({path[0] for path in paths if len(path) > 1}) == 1 and not any(len(root) == 1 for root in clones):
        return {}  # one folder around all of them
    assignment = _assignment({root[0] for root in clones if len(root) == 1})
    named, times = {}, {root: _times(text((*root, GIT))) for root in clones}
    for path in paths:
        root = next((path[:n] for n in range(1, len(path)) if path[:n] in clones), None)
        if root:
            student = path[0].removeprefix(assignment) if len(root) == 1 else path[0]
            who = ((student, Known("", student, door="classroom")),) if path[-1] != GIT else ()
            named[path] = Named(who, path[1:], time=times[root].get("/".join(path[len(root) :])))
    return named


def person(row: dict[str, str]) -> dict[str, str]:
    """Who a row of classroom_roster.csv is."""
    login, group = row["github_username"], row.get("group_name", "")
    return {"student": row["identifier"] or login, "name": row.get("name", ""), "login": login, "group": group}


def _assignment(clones: set[str]) -> str:
    """What the names of several clones have in common, as far as a hyphen."""
    common = os.path.commonprefix(sorted(clones)) if len(clones) > 1 else ""
    return common[: common.rfind("-") + 1]


def _times(log: str) -> dict[str, datetime]:
    """By path the time of its last commit."""
    times: dict[str, datetime] = {}
    when = None
    for word in log.split("\0"):
        stamp, path = word.lstrip("\n"), word.lstrip("\n")
        if stamp.startswith("@") and stamp[1:].isdecimal():
            with contextlib.suppress(ValueError, OverflowError, OSError):
                when = datetime.fromtimestamp(int(stamp[1:][:12]), UTC)
        elif path and when:
            times.setdefault(path, when)
    return times


def log(clone: Path) -> str:
    """The last commits of a clone that touched notebooks, newest first: `@<seconds>` and paths, with NULs between.

    "" where there is no git, no ordinary repository, or none of it can be read.
    """
    git = clone / GIT
    commit = "" if git.is_symlink() else _head(git)
    if not commit:
        return ""
    with tempfile.TemporaryDirectory() as ours:
        for folder in ("objects", "refs"):
            (Path(ours) / folder).mkdir()
        (Path(ours) / "HEAD").write_text("ref: refs/heads/none\n", encoding="utf-8")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": ours, "LC_ALL": "C", "GIT_DIR": ours,
            "GIT_OBJECT_DIRECTORY": str((git / "objects").resolve()), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1", "GIT_TERMINAL_PROMPT": "0",
        }  # fmt: skip
        if (git / "shallow").is_file():
            environment["GIT_SHALLOW_FILE"] = str((git / "shallow").resolve())
        words = [
            "git", "--no-pager", "--no-optional-locks", "-c", f"safe.directory={ours}", "-c", "core.commitGraph=false",
            "log", f"-{COMMITS}", "--no-show-signature", "--no-ext-diff", "--no-textconv", "--no-renames", "-z",
            "--name-only", "--format=@%ct", commit, "--", "*.ipynb",
        ]  # fmt: skip
        return _bounded(words, environment, ours)


def _bounded(words: list[str], environment: dict[str, str], folder: str) -> str:
    """What a program says, as far as it is not too much, within SECONDS."""
    quiet = subprocess.DEVNULL
    try:
        git = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=quiet,
            stdout=subprocess.PIPE,
            stderr=quiet,
            start_new_session=True,
        )
    except OSError:
        return ""
    with git:
        with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):  # Linux has it
            import resource

            resource.prlimit(git.pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        end = threading.Timer(SECONDS, git.kill)
        end.start()
        try:
            return (git.stdout.read(MOST_BYTES) if git.stdout else b"").decode("utf-8", "replace")
        finally:
            end.cancel()
            git.kill()


def _head(git: Path) -> str:
    """The commit that is checked out, or ""."""
    said = _line(git / "HEAD")
    branch = BRANCH.fullmatch(said)
    if branch and ".." not in branch[1]:
        packed = re.search(rf"^([0-9a-f]{{40}}) {re.escape(branch[1])}$", _read(git / "packed-refs"), re.M)
        said = _line(git / branch[1]) or (packed[1] if packed else "")
    return said if COMMIT.fullmatch(said) else ""


def _line(path: Path) -> str:
    return _read(path).strip()


def _read(path: Path) -> str:
    """The text of an ordinary file; of any other none."""
    with contextlib.suppress(OSError):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                return file.read(MOST_BYTES).decode("utf-8", "replace")
    return ""
