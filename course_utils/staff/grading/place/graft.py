"""Puts a student's answers into the pristine solved notebook. Pure functions on notebook JSON.

The graded copy has our cells in our order. Of the student's notebook it takes the answers and all further code cells:
each of these stands, in the student's order, before the next answer, or before the check that followed it in the
student's notebook. Those below the last check stand at the end.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass, field

from course_utils.answers import cleaned, defining_cell, find_answer, grade_id, normal, same_code
from course_utils.notebooks import is_answer, source, tags, task_of
from course_utils.staff.authoring.exercises import exercise_cell

NO_CELL = "no answer cell: no code cell has the id {cell} or begins with # {task}"
STUB = "not answered yet: the answer cell is as it was handed out"

# State that outlives a cell, as it is when a notebook starts; and the built-in names, should a task have covered one
# with what is no function of its own.
RESET = """\
def _reset_state():
    import builtins, random, re, signal, sys
    import numpy
    sys.settrace(None)
    sys.setprofile(None)
    random.seed(0)
    numpy.random.seed(0)
    shell = builtins.get_ipython()
    line, cell = (shell.magics_manager.magics[kind] for kind in ("line", "cell"))
    if line["timeit"].__name__ == "timeit":
        timeit, matplotlib = line["timeit"], line["matplotlib"]
        def timeit_once(line, cell=None):  # by itself it takes up to 14 seconds
            head = re.match(r"(?:\\s*-(?:[nrp]\\s*\\d+|v\\s*\\w+|[tcqo]+)(?=\\s|$))*", line).end()
            own = re.sub(r"-[nr]\\s*\\d+", "", line[:head]) + line[head:]
            return timeit(f"-n 1 -r 1 {own}", cell)
        def matplotlib_if_possible(line):  # a backend that is not here is no reason to skip the rest of the cell
            try:
                return matplotlib(line)
            except Exception as error:
                print(error)
        line["timeit"] = cell["timeit"] = timeit_once
        line["matplotlib"] = matplotlib_if_possible
    numpy.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
    names = builtins.globals()
    for name in builtins.set(names) & builtins.set(builtins.dir(builtins)):
        of_their_own = builtins.callable(names[name]) and builtins.getattr(names[name], "__module__", "") != "builtins"
        if not (name.startswith("_") or of_their_own):  # a helper called filter, and numpy's sum, are meant
            del names[name]
    if "matplotlib.pyplot" in sys.modules:
        pyplot = sys.modules["matplotlib.pyplot"]
        pyplot.close("all")
        pyplot.rcParams["text.usetex"] = False
        if pyplot.switch_backend.__name__ == "switch_backend":
            switch = pyplot.switch_backend
            switch("agg")
            def switch_if_possible(name):
                try:
                    switch(name)
                except ImportError as error:
                    print(error)
            pyplot.switch_backend = switch_if_possible
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)  # not gradients: who switched them off at the top relies on it in every answer
    if hasattr(signal, "setitimer"):
        for clock in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(clock, 0)
    shell.ask_exit = bool  # exit() at the end of a cell ends nothing


_reset_state()
del _reset_state"""


@dataclass
class Placed:
    """What of a student's notebook goes where; keys are ids of answer cells.

    answers: the sources that count. before, after: further cells, put before the answer, or between it and its
    check. last: those below the last check. missing: for the answers that are not there, why.
    """

    answers: dict[str, str] = field(default_factory=dict)
    before: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    after: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    last: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def graft(solution: dict, student: dict, stubs: dict[str, str]) -> dict:
    """The graded copy, a notebook of nbformat 4.5.

    solution: the pristine solved notebook. student: the student's, as `reading.read_notebook` returns it. stubs:
    source of the stub of each answer cell, by cell id. Each code cell has `metadata.grading = {"role", "task"}`; role
    is given, reset, extra, answer, check or last; a check whose answer is not there has `missing`, the reason. No
    solution is left in it.
    """
    placed = place(solution, student, stubs)
    cells: list[dict] = []
    given: list[dict] = []
    for cell in solution["cells"]:
        if "solution-only" in tags(cell):
            continue
        if is_answer(cell):
            cells += _answer_cells(cell, given, placed, stubs)
        elif cell["cell_type"] != "code":
            cells.append(exercise_cell(cell))
        elif "check" in tags(cell):
            cells.append(_check_cell(cell, placed))
        else:
            cells.append(_with_role(cell, "given"))
            given += [cell] if {"setup", "given"} & set(tags(cell)) else []
    cells += [_code(source, "last", "") for source in placed.last]
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code" and cell["metadata"]["grading"]["role"] in ("reset", "extra", "last"):
            cell["id"] = f"{cell['metadata']['grading']['role']}-{number}"
    return {"cells": cells, "metadata": copy.deepcopy(solution["metadata"]), "nbformat": 4, "nbformat_minor": 5}


def place(solution: dict, student: dict, stubs: dict[str, str]) -> Placed:
    """Finds the answers and gives every other cell of the student's own its place."""
    cells = [cell for cell in student["cells"] if cell["cell_type"] == "code"]
    checks, ours = _our_sources(solution, stubs)
    own = [index for index, cell in enumerate(cells) if normal(source(cell)) not in ours]
    chosen = {answer: find_answer(cells, answer, stub) for answer, stub in stubs.items()}
    for answer, stub in stubs.items():
        index = chosen[answer]
        if index is None or same_code(source(cells[index]), stub):
            chosen[answer] = defining_cell(cells, own, stub, index)
    placed = Placed()
    for answer, index in chosen.items():
        if index is None:
            placed.missing[answer] = NO_CELL.format(cell=answer, task=task_of(answer))
        elif same_code(source(cells[index]), stubs[answer]):
            placed.missing[answer] = STUB
        else:
            placed.answers[answer] = cleaned(source(cells[index]))
    at = {index: answer for answer, index in reversed(chosen.items()) if index is not None}
    waiting: list[str] = []
    open_answer = None
    for index, cell in enumerate(cells):
        if index in at:
            open_answer = at[index]
            placed.before[open_answer], waiting = waiting, []
        elif _is_check(cell, checks):
            if open_answer and check_answer(cell) in (None, open_answer):
                placed.after[open_answer], waiting, open_answer = waiting, [], None
        elif normal(source(cell)) not in ours:
            waiting.append(cleaned(source(cell)))
    if open_answer:
        placed.after[open_answer] = waiting
    else:
        placed.last = waiting
    return placed


def check_answer(cell: dict) -> str | None:
    """The answer that a check cell asks for, from its id; None where the id does not say."""
    for name in (grade_id(cell), cell.get("id")):
        if isinstance(name, str) and name.endswith("-check"):
            return name.removesuffix("-check")
    return None


def _our_sources(solution: dict, stubs: dict[str, str]) -> tuple[dict[str, str], set[str]]:
    """The check cells (id to source), and the sources that are ours and not a student's."""
    code = [cell for cell in solution["cells"] if cell["cell_type"] == "code"]
    checks = {cell["id"]: normal(source(cell)) for cell in code if "check" in tags(cell)}
    ours = (
        {normal(source(cell)) for cell in code if not is_answer(cell)}
        | {normal(stub) for stub in stubs.values()}
        | {""}
    )
    return checks, ours


def _is_check(cell: dict, checks: dict[str, str]) -> bool:
    return cell.get("id") in checks or grade_id(cell) in checks or normal(source(cell)) in checks.values()


def _with_role(cell: dict, role: str, task: str = "") -> dict:
    cell = copy.deepcopy(cell)
    cell["metadata"]["grading"] = {"role": role, "task": task}
    return cell


def _code(source: str, role: str, task: str) -> dict:
    metadata = {"grading": {"role": role, "task": task}}
    return {
        "cell_type": "code",
        "id": "",
        "metadata": metadata,
        "source": source,
        "execution_count": None,
        "outputs": [],
    }


def _answer_cells(cell: dict, given: list[dict], placed: Placed, stubs: dict[str, str]) -> list[dict]:
    """State and given names set again, the student's further cells, and their answer (or the stub)."""
    answer = cell["id"]
    task = task_of(answer)
    set_again = "\n\n".join((RESET, *map(source, given)))  # one cell: a request costs more than its lines
    reset = _code(set_again, "reset", task)
    before = [_code(source, "extra", task) for source in placed.before[answer]]
    after = [_code(source, "extra", task) for source in placed.after[answer]]
    filled = _with_role(cell, "answer", task)
    filled |= {"source": placed.answers.get(answer, stubs[answer]), "execution_count": None, "outputs": []}
    return [reset, *before, filled, *after]


def _check_cell(cell: dict, placed: Placed) -> dict:
    answer = cell["id"].removesuffix("-check")
    filled = _with_role(cell, "check", task_of(answer))
    if answer in placed.missing:
        filled["metadata"]["grading"]["missing"] = placed.missing[answer]
    return filled
