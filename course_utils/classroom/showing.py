"""How a check shows its report: as a line in colour where a notebook can, as plain text everywhere else.

In colour there is more: why it matters, what comes next, what to reread and, after three mistakes of one kind, the
hints of the task. It is found in the exercise and in `lessons/lesson_NN/why.toml`; where it is not, less is said.
"""

from __future__ import annotations

import contextlib
import functools
import html
import json
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from course_utils.classroom.memory import unwatched
from course_utils.project import PACKAGE, find_course

# For the edge of the report alone: text keeps the colour that the page gives it, in light and in dark.
RIGHT, WRONG, WAITING = ("#1f9d57", "✓"), ("#d1603d", "✗"), ("#8a8a8a", "○")
HINTS_AFTER = 3  # mistakes of one kind, one after the other
REREAD = re.compile(r"^Reread: \[([^\]]+)\]\(([^)\s]+)\)$", re.M)
HEADING = re.compile(r"^#+ (E\d\d\.\d+ .+)$", re.M)
DETAILS = re.compile(r"<details>.*?</details>", re.S)

_mistakes: dict[str, tuple[str, int]] = {}  # task -> the kind of the last mistake, and how often in a row


@dataclass(frozen=True)
class Header:
    """What an exercise says above a task."""

    heading: str  # "E01.2 Multiply along the path"
    reread: tuple[str, str]  # a section, and the link to it
    hints: str  # Markdown


def in_colour() -> bool:
    """Whether a notebook shows what is displayed. Not in a build or a test, which compare plain text."""
    if "IPython" not in sys.modules or unwatched():
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def show(task: str, said: str, right: bool, waits: bool = False, kind: str = "") -> None:
    """Shows `said`, the report on `task`. waits: there is no answer yet. kind: what sort of mistake it was."""
    if not in_colour():
        return print(said)
    from IPython.display import display

    header = headers(task[1:3]).get(task) if task.startswith("E") else None
    display({"text/html": page(task, said, right, waits, header), "text/plain": said}, raw=True)
    if right or waits:
        _mistakes.pop(task, None)
        return None
    last, times = _mistakes.get(task, ("", 0))
    _mistakes[task] = (kind, times + 1 if kind == last else 1)
    if header and header.hints and _mistakes[task][1] >= HINTS_AFTER:
        hints = header.hints.replace("<details>", "<details open>")
        text = f"Three times the same: here is what the exercise says about it.\n\n{hints}"
        display({"text/markdown": text, "text/plain": text}, raw=True)
    return None


def page(task: str, said: str, right: bool, waits: bool, header: Header | None) -> str:
    """The report in HTML, with what belongs below it."""
    colour, sign = RIGHT if right else WAITING if waits else WRONG
    first, *rest = said.split("\n")
    rows = [f"<b>{sign} {html.escape(first)}</b>", *map(_row, rest)]
    if right:
        rows += [html.escape(why(task))] if why(task) else []
        if following := after(task):
            rows.append(f'Next: <a href="{html.escape(following[1])}">{html.escape(following[0])}</a>')
    elif header and not waits:
        section, link = header.reread
        rows += [f'To reread: <a href="{html.escape(link)}">{html.escape(section)}</a>'] if section else []
    body = "".join(f"<div>{row}</div>" for row in rows)
    return f'<div style="border-left: 5px solid {colour}; padding: 2px 12px; line-height: 1.6">{body}</div>'


def _row(line: str) -> str:
    call = re.match(r"\s*try: (.*)", line)
    return f"try: <code>{html.escape(call[1])}</code>" if call else html.escape(line.strip())


@functools.lru_cache
def headers(lesson: str) -> dict[str, Header]:
    """What the exercise of a lesson ("01") says above each of its tasks, in its order; none where it is not here."""
    found = {}
    with contextlib.suppress(Exception):  # a page without links is better than no page
        (path,) = (find_course() or Path()).glob(f"exercises/{lesson}_*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "markdown" and (heading := HEADING.search(text)):
                section = REREAD.search(text)
                reread = (section[1], section[2]) if section else ("", "")
                found[heading[1].split()[0]] = Header(heading[1], reread, "\n\n".join(DETAILS.findall(text)))
    return found


def after(task: str) -> tuple[str, str] | None:
    """What comes after a task, and the link to it: the next task of the exercise, or the next lecture."""
    order = list(headers(task[1:3]))
    if task not in order:
        return None
    if task != order[-1]:
        heading = headers(task[1:3])[order[order.index(task) + 1]].heading
        return heading, f"#{heading.replace(' ', '-')}"
    number = f"{int(task[1:3]) + 1:02d}"
    lecture = next((find_course() or Path()).glob(f"notebooks/{number}_*.ipynb"), None)
    return (f"lecture {number}", f"../{lecture.name}") if lecture else None


@functools.lru_cache
def _reasons(lesson: str) -> dict[str, str]:
    path = PACKAGE / "lessons" / f"lesson_{lesson}" / "why.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def why(task: str) -> str:
    """One sentence on what a task is good for; "" where its lesson has none."""
    return _reasons(task.removeprefix("E")[:2]).get(task, "")
