"""Every solution, changed in one place, loses points, or the change is listed as equivalent with its reason.

pytest tests/checks/test_kill_matrix.py --write      writes docs/kill_matrix.md anew
"""

from __future__ import annotations

import functools
from types import SimpleNamespace

import pytest

from course_utils.checks import registry
from course_utils.checks.probing import load_probe
from course_utils.notebooks import write_whole
from course_utils.staff.judging.registry import load_mutants

from .mutation import mutants
from .solved import ROOT, TASKS, Hung, answer_source, names, verdict

TABLE = ROOT / "docs" / "kill_matrix.md"


@functools.cache
def survivors(task: str) -> tuple[int, tuple[str, ...]]:
    """How many automatic mutants a task's solution has, and the ids of those that still get full points."""
    made = list(mutants(answer_source(task)))
    return len(made), tuple(name for name, source in made if _passes(task, source))


def _passes(task: str, source: str) -> bool:
    try:
        return verdict(task, names(task, source), seconds=10, explain=False).right
    except (Exception, Hung):  # noqa: BLE001 - a changed solution may raise anything
        return False


def _mutants(task: str):
    return load_mutants(registry.lesson_of(task)).MUTANTS


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_every_change_of_a_solution_is_noticed(task):
    assert faults(task) == []


def faults(task: str) -> list[str]:
    """What the list of equivalent changes of a task says that is not so."""
    _, alive = survivors(task)
    listed = _mutants(task).equivalent.get(task, {})
    return [
        *(f"{task} {name}: still gets full points" for name in alive if name not in listed),
        *(f"{task} {name}: listed as equivalent, but not (or no longer) so" for name in listed if name not in alive),
        *(f"{task} {name}: listed as equivalent without a reason" for name in listed if not listed[name].strip()),
    ]


def table() -> str:
    """The kill matrix as Markdown."""
    lines = [
        "# Kill matrix",
        "",
        "What each check was tried on. *Mistakes*: wrong answers written by hand, each of which loses points with",
        "the message of its misconception. *Variants*: unusual right answers, which get full points. *Changed",
        "solutions*: the solution with one automatic change (a sign, a sum for a mean, an index off by one, the first",
        "or last item dropped, arguments swapped, a logarithm removed, a strict comparison made loose, ...); every one",
        "loses points but those listed as equivalent.",
        "",
        "Written by `pytest tests/checks/test_kill_matrix.py --write`, and compared on every run.",
        "",
        "| task | function | mistakes | variants | changed solutions | equivalent |",
        "|---|---|---:|---:|---:|---:|",
    ]
    notes = []
    for task in TASKS:
        made, alive = survivors(task)
        wrong, right = (
            answers.get(task, []) for answers in (_mutants(task).wrong_answers, _mutants(task).right_answers)
        )
        function = load_probe(task).function
        lines.append(f"| {task} | `{function}` | {len(wrong)} | {len(right)} | {made} | {len(alive)} |")
        notes += [
            f"| {task} | `{name.replace('|', chr(92) + '|')}` | {reason} |"
            for name, reason in _mutants(task).equivalent.get(task, {}).items()
        ]
    head = ["", "## Changes that are no mistakes", "", "| task | change | why it is still right |", "|---|---|---|"]
    return "\n".join(lines + (head + notes if notes else [])) + "\n"


@pytest.mark.slow
def test_the_table_is_up_to_date(request):
    if request.config.getoption("--write"):
        assert [fault for task in TASKS for fault in faults(task)] == [], "nothing was written: mend these first"
        write_whole(TABLE, table())
    assert TABLE.read_text(encoding="utf-8") == table(), (
        "write it anew: pytest tests/checks/test_kill_matrix.py --write"
    )


def test_no_table_is_written_after_a_failure(monkeypatch, tmp_path):
    """Neither where a change of a solution is not noticed, nor where the list of equivalent ones is out of date."""
    request = SimpleNamespace(config=SimpleNamespace(getoption=lambda name: True))
    monkeypatch.setitem(globals(), "TABLE", tmp_path / "kill_matrix.md")
    right = {task: tuple(_mutants(task).equivalent.get(task, {})) for task in TASKS}
    monkeypatch.setitem(globals(), "survivors", lambda task: (3, right[task]))
    test_the_table_is_up_to_date(request)
    written = TABLE.read_bytes()
    for wrong in ({"E01.2": ("line 5: + for *", *right["E01.2"])}, {task: () for task in right if right[task]}):
        monkeypatch.setitem(globals(), "survivors", lambda task, wrong=wrong: (4, wrong.get(task, right[task])))
        with pytest.raises(AssertionError, match="nothing was written"):
            test_the_table_is_up_to_date(request)
        assert TABLE.read_bytes() == written
