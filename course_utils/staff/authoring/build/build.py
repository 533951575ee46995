"""Builds and checks what the project publishes: the notebooks, one by one, then the tables."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from course_utils.notebooks import named, text_bytes, to_bytes, write_whole
from course_utils.staff.authoring import exercises, lints, png
from course_utils.staff.authoring.build import coverage, environment, execute, index_table
from course_utils.staff.authoring.notebook_files import (
    SIZE_LIMIT,
    Notebook,
    built_from,
    canonical,
    first_difference,
    is_executed,
    lessons,
    read,
)
from course_utils.staff.authoring.problems import Problem

TABLES: dict[str, Callable[[Path], str]] = {  # generated file -> its text, from the files below a project's root
    "README.md": index_table.readme,
    "docs/coverage.md": coverage.coverage,
    "environment.yml": environment.environment,
}


class OperatorError(Exception):
    """The command was called in a way that cannot work; its text says how to call it."""


def selected(root: Path, names: list[str]) -> list[tuple[str, str]]:
    """(folder, lesson) of the source notebooks that are meant; OperatorError for a name that means none."""
    everything = [(folder, lesson) for folder in ("notebooks", "solutions") for lesson in lessons(root, folder)]
    if not everything:
        raise OperatorError(f"no notebooks below {root}: start this command in the project's folder")
    chosen = set()
    for name in names:
        folder, _, lesson = name.removesuffix(".ipynb").rpartition("/")
        meant = named(lesson, {lesson for _, lesson in everything})
        found = {pair for pair in everything if pair[1] in meant and pair[0].startswith(Path(folder).name)}
        if not found:
            raise OperatorError(f"no notebook {name!r}; there are: {', '.join(sorted({x[1] for x in everything}))}")
        chosen |= found
    return [pair for pair in everything if pair in chosen or not names]


# ---- build ---------------------------------------------------------------------------------------------------------


async def build(root: Path, sources: list[tuple[str, str]], force: bool = False, jobs: int = 1) -> list[Problem]:
    """Builds the notebooks named, then what is generated; returns what is left for the author to solve."""
    turns = asyncio.Semaphore(jobs)

    async def in_turn(folder: str, lesson: str) -> list[Problem]:
        async with turns:
            return await build_notebook(root, folder, lesson, force)

    problems = []
    for found in await asyncio.gather(*(in_turn(folder, lesson) for folder, lesson in sources)):
        problems += found
    files = [f"{folder}/{lesson}.ipynb" for folder, lesson in sources]
    return problems + build_tables(root) + lints.code_style(root, files)


async def build_notebook(root: Path, folder: str, lesson: str, force: bool) -> list[Problem]:
    """One notebook of notebooks/ or solutions/, and the exercise of a solution. A failed run changes no file."""
    started = time.monotonic()
    file = f"{folder}/{lesson}.ipynb"
    try:
        notebook = read(root, folder, lesson)
        must_run = force or not is_executed(notebook.content)
        content = await freshly_executed(notebook) if must_run else canonical(notebook.content)
        written = write_notebook(notebook, content)
        if folder == "solutions":
            written |= write_notebook(Notebook(root, "exercises", lesson, {}), exercises.exercise(content))
    except execute.ExecutionError as error:
        print(f"{time.monotonic() - started:6.1f} s  {file}  failed; the file is as it was", flush=True)
        return error.problems
    except (OSError, ValueError) as error:
        return [failure(file, error, f"change it, then `course build {lesson}`")]
    verdict = "executed" if must_run else "written" if written else "unchanged"
    print(f"{time.monotonic() - started:6.1f} s  {file}  {verdict}", flush=True)
    return lints.lint(Notebook(root, folder, lesson, content))


async def freshly_executed(notebook: Notebook) -> dict:
    content = canonical(await execute.executed(notebook), picture=png.optimise)
    content["metadata"]["course"]["built_from"] = built_from(content)
    return content


def write_notebook(notebook: Notebook, content: dict) -> bool:
    data = to_bytes(content)
    if len(data) > SIZE_LIMIT:
        raise ValueError(f"{len(data) / 1e6:.1f} MB, at most {SIZE_LIMIT / 1e6}: fewer or smaller figures")
    return write_whole(notebook.path, data)


def build_tables(root: Path) -> list[Problem]:
    problems = []
    for file, text in TABLES.items():
        try:
            write_whole(root / file, text(root).encode("utf-8"))
        except (OSError, ValueError) as error:
            problems.append(failure(file, error, "`course build`"))
    return problems


# ---- check ---------------------------------------------------------------------------------------------------------


def check(root: Path, sources: list[tuple[str, str]]) -> list[Problem]:
    """What is not as its sources say, and what the lints find. Runs no notebook and changes no file."""
    problems = []
    for folder, lesson in sources:
        problems += check_notebook(root, folder, lesson)
    problems += check_tables(root) + check_strays(root)
    return problems + lints.pages(root) + lints.code_style(root, ["."]) + lints.palette_contrast()


def check_notebook(root: Path, folder: str, lesson: str) -> list[Problem]:
    file, remedy = f"{folder}/{lesson}.ipynb", f"`course build {lesson}`"
    try:
        notebook = read(root, folder, lesson)
        content = canonical(notebook.content)
        problems = [
            *check_bytes(notebook, content),
            *execute.output_problems(notebook, content),
            *lints.lint(Notebook(root, folder, lesson, content)),
        ]
        if not is_executed(content):
            problems.append(notebook.problem(None, "its code is not what was executed (built_from differs)", remedy))
        if folder == "solutions":
            problems += check_exercise(root, lesson, exercises.exercise(content))
    except (OSError, ValueError) as error:
        return [failure(file, error, remedy)]
    return problems


def check_bytes(notebook: Notebook, wanted: dict) -> list[Problem]:
    """The file has exactly the bytes of `wanted`; the problem names the first cell that differs."""
    data = text_bytes(notebook.path)
    remedy = f"`course build {notebook.lesson}`"
    if len(data) > SIZE_LIMIT:
        return [notebook.problem(None, f"{len(data) / 1e6:.1f} MB, at most {SIZE_LIMIT / 1e6}")]
    if data == to_bytes(wanted):
        return []
    cell, what = first_difference(notebook.content, wanted)
    kind = "not what its solution gives" if notebook.folder == "exercises" else "not in canonical form"
    return [notebook.problem(cell, f"{kind} ({what})", remedy)]


def check_exercise(root: Path, lesson: str, wanted: dict) -> list[Problem]:
    try:
        return check_bytes(read(root, "exercises", lesson), wanted)
    except (OSError, ValueError) as error:
        return [failure(f"exercises/{lesson}.ipynb", error, f"`course build {lesson}`")]


def check_tables(root: Path) -> list[Problem]:
    problems = []
    for file, text in TABLES.items():
        try:
            if text_bytes(root / file) != text(root).encode("utf-8"):
                problems.append(Problem(file, "", "not what its sources give", "`course build`"))
        except (OSError, ValueError) as error:
            problems.append(failure(file, error, "`course build`"))
    return problems


def check_strays(root: Path) -> list[Problem]:
    """Exercises without a solution: nobody generates them any more."""
    left = sorted(set(lessons(root, "exercises")) - set(lessons(root, "solutions")))
    return [Problem(f"exercises/{lesson}.ipynb", "", "has no solution", "delete it") for lesson in left]


def failure(file: str, error: OSError | ValueError, remedy: str) -> Problem:
    """What reading or making a file ran into, as a problem."""
    return Problem(file, "", "is not there" if isinstance(error, FileNotFoundError) else f"{error}", remedy)
