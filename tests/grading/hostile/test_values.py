"""What an answer may return, and what a kernel may send in its name: neither earns a point, and neither does harm."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from course_utils.checks.probing import load_probe
from course_utils.checks.registry import lessons, tasks
from course_utils.staff.grading.intake.reading import read_notebook
from course_utils.staff.grading.place.graft import graft
from course_utils.staff.grading.run.nbval_items import Cell, Job, Session, judged
from course_utils.staff.grading.run.pool import KernelPool
from course_utils.staff.grading.run.worker import run_folder
from course_utils.staff.grading.sandbox.isolation import Bubblewrap, Supplies
from tests.grading.hostile.attacks import ATTACKS, TASK, Attack
from tests.grading.hostile.conftest import LIMITS
from tests.grading.hostile.notebooks import EXERCISE, dumps, notebook

LIARS = [one for one in ATTACKS if one.kind == "liars"]


@pytest.fixture(scope="module")
def session(sandbox):
    """A session in which the cells before the task have run; its kernel serves all the values."""
    with run_folder() as folder:
        supplies = Supplies.make(Path(folder) / "supplies")
        pool = KernelPool(Bubblewrap, Path(folder), supplies, LIMITS)
        session = Session(Job(Path(), Path(folder), 7, pool, LIMITS), time.monotonic() + 600)
        for cell in graft(EXERCISE.solution, read_notebook(dumps(notebook())), EXERCISE.stubs)["cells"]:
            about = cell["metadata"].get("grading")
            if about and about["role"] == "check":
                break
            if about:
                session.run(Cell("".join(cell["source"]), "", about["role"]))
        yield session
        session.close()
        pool.close()


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize("attack", LIARS, ids=lambda attack: attack.name)
def test_a_value_that_lies(session, attack: Attack):
    source = next(c["source"] for c in json.loads(attack.content)["cells"] if c.get("id") == "e02-2")
    session.run(Cell(source, TASK, "answer"))
    result = session.ask(TASK)
    assert result.points == 0 and result.status in attack.lost[TASK].split()
    assert len(result.message) < 500 and result.message.encode("utf-8")


# --- data that no probe writes ----------------------------------------------------------------------------------------

DEEP: list = []
for _ in range(900):
    DEEP = [DEEP]
ODD = [
    None, True, 0, -1, 1e308, "nan", "", "x" * 10**5, [], [[]], {}, DEEP, "\ud800", 10**400, [None] * 40,
    {"t": "float", "v": "inf"}, {"t": "float", "v": float("nan")}, {"t": "int", "v": "9" * 2000},
    {"t": "int", "v": "x"},
    {"t": "decimal", "v": "1e999999999"}, {"t": "decimal", "v": "-1e-999999999"}, {"t": "decimal", "v": "sNaN"},
    {"t": "fraction", "v": ["1", "0"]}, {"t": "fraction", "v": "12"}, {"t": "list", "v": DEEP},
    {"t": "dict", "v": [[1, 2]]},
    {"t": "dict", "v": [[{"t": "list", "v": []}, {"t": "none"}]] * 3}, {"t": "list", "v": [{"t": "none"}] * 10**4},
    {"t": "array", "shape": [2**40, 2**40], "v": [], "dtype": "float64", "library": "numpy"},
    {"t": "array", "shape": [0] * 40, "v": [], "dtype": "float64", "library": "numpy"},
    {"t": "array", "shape": [2], "v": [True, "x"], "dtype": "bool", "library": "torch"},
    {"t": "array", "shape": [1], "v": ["1e9"], "dtype": "x" * 500, "library": "\u202e"},
    {"t": "other", "v": "<script>"}, {"t": ["float"], "v": 1},
]  # fmt: skip


def shapes(value: object, count: int) -> list:
    """An odd value at every place where the judge looks."""
    seen = [{"value": value}] * count
    beside = [{"value": {"t": "float", "v": -1.0}, "calls": value, "count": value, "error": value}] * count
    return [value, seen, beside, [{"error": value, "message": value}] * count, [value] * count]


ALL_TASKS = [task for lesson in lessons() if lesson < "09" for task in tasks(lesson)]  # the later ones load a model


@pytest.mark.parametrize("task", ALL_TASKS)
def test_odd_data_is_judged_without_harm_and_without_points(task):
    rng = random.Random(task)
    count = len(load_probe(task).cases(random.Random(3)))
    for value in rng.sample(ODD, 6):
        seen = rng.choice(shapes(value, count))
        row = judged(task, {"task": task, "seed": 3, "state": "answered", "seen": seen}, 3)
        assert row.points < row.max_points and row.message, (value, row)
    for value in ODD[:14]:
        assert judged(task, {"task": value, "state": value, "seen": value, "found": value}, 3).points == 0
