"""Bring back what you once got wrong: ten minutes, from all lessons so far.

  course review               asks in this terminal
  course review --notebook    lays the same questions into review.ipynb, among your copies, to open in JupyterLab

A question that you missed comes back after a day, and when you know it then after 3, 7, 16 and 35 more. So does a
mistake that a check has named. What you guessed and answered is kept on this machine only, in .course/ among your
copies; nothing is sent, no grading reads it, and `course forget` deletes it.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from course_utils import project
from course_utils.classroom import memory
from course_utils.classroom.memory import Item
from course_utils.classroom.predicting import Question, questions
from course_utils.classroom.showing import headers
from course_utils.notebooks import lines, to_bytes, write_whole

MOST = 10  # at a time: a minute each, about
NOTEBOOK = "review.ipynb"
STOP = ("q", "quit", "exit")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notebook", action="store_true", help=f"write {NOTEBOOK} and ask nothing here")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where your copies are (default: work/ in the course)")


def run(args: argparse.Namespace) -> int:
    work = args.work or project.work_folder(project.course_folder())
    events = memory.history(work / memory.NAME)
    found = [item for item in memory.due(events, datetime.now(UTC)) if is_there(item)]
    if not found:
        print(nothing_due(memory.items(events).values()))
        return 0
    if args.notebook:
        path = work / NOTEBOOK
        write_whole(path, to_bytes(notebook(found[:MOST])))
        print(f"{counted(len(found[:MOST]))} in {path}: open it in JupyterLab, or reload it there.")
        return 0
    return ask(found, work / memory.NAME)


def ask(found: list[Item], file: Path) -> int:
    """Asks in the terminal; q, the end of the input or Ctrl-C stop it."""
    print(f"{counted(len(found[:MOST]))}, of {len(found)} that wait. q stops.\n")
    right = asked = 0
    for item in found[:MOST]:
        try:
            known = ask_one(item)
        except (EOFError, KeyboardInterrupt):
            known = None
            print()
        if known is None:
            break
        asked, right = asked + 1, right + known[0]
        memory.record(item.mistake.name, known[0], known[1], "" if known[0] else item.mistake.misconception, file)
    print(f"{right} of {asked} right. What was not comes back tomorrow." if asked else "Another time.")
    return 0


def ask_one(item: Item) -> tuple[bool, str] | None:
    """Whether it is known now, and what was said; None to stop."""
    mistake = item.mistake
    asked = question_of(mistake.name)
    if asked is None:
        print(f"{heading(mistake.name)}\nOnce your answer was wrong here, and the check said:\n  {mistake.said}\n")
        said = _input("Do you know how it is right, and why? (y/n) ")
        return None if said in STOP else (said.startswith("y"), mistake.said)
    print(f"{plain(asked.asked())}\n")
    said = _input("Your letter: ")
    while said not in STOP and said.upper() not in asked.options:
        said = _input(f"One of {', '.join(asked.options)}, or q: ")
    if said in STOP:
        return None
    print(f"\n{plain(asked.answered(said))}\n")
    return said.upper() == asked.answer, said.upper()


def _input(text: str) -> str:
    print(text, end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip().lower()


def question_of(name: str) -> Question | None:
    """The question of this name; None for a task of an exercise and for one within a lecture."""
    try:
        return questions(name.partition(".")[0]).get(name.partition(".")[2])
    except LookupError:
        return None


def is_there(item: Item) -> bool:
    """Whether the course still has it."""
    name = item.mistake.name
    return question_of(name) is not None or bool(item.mistake.misconception)


def heading(name: str) -> str:
    header = headers(name[1:3]).get(name) if name.startswith("E") else None
    return header.heading if header else name


def plain(text: str) -> str:
    return text.replace("**", "")


def counted(count: int) -> str:
    return "1 question" if count == 1 else f"{count} questions"


def nothing_due(waiting) -> str:
    if not waiting:
        return "There is nothing to review: you have missed nothing yet, or nothing is kept."
    first = min(item.due for item in waiting).astimezone()
    return f"Nothing comes back now. {counted(len(waiting))} will, the first on {first:%d %B at %H:%M}."


# --- as a notebook ----------------------------------------------------------------------------------------------------


def notebook(found: list[Item]) -> dict:
    """A notebook that asks them; what is guessed in it counts as it does in a lecture."""
    text = "# Review\n\nWhat you once got wrong, to try again. Write your letter between the quotes and run the cell."
    cells = [_cell("markdown", "title", text), _cell("code", "setup", "from course_utils.lesson import predict")]
    for number, item in enumerate(found, 1):
        name = item.mistake.name
        if question_of(name) is not None:
            cells.append(_cell("code", f"question-{number}", f'predict("{name}", guess="")'))
            continue
        header = headers(name[1:3]).get(name)
        section, link = header.reread if header else ("", "")
        reread = f"\n\nReread: [{section}]({link.removeprefix('../')})" if section else ""
        said = f"Once the check said: *{item.mistake.said}*. What is right, and why? Solve it afresh, without looking."
        cells.append(_cell("markdown", f"question-{number}", f"### {heading(name)}\n\n{said}{reread}"))
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, name: str, text: str) -> dict:
    cell = {"cell_type": kind, "id": name, "metadata": {}, "source": lines(text)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
