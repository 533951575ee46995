"""What a notebook sets for its whole process changes no verdict: not in the notebook, and not in the grader, where the
judge knows nothing of it."""

from __future__ import annotations

import contextlib
import decimal
import functools
import json
import random
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

from course_utils.checks import probing
from course_utils.checks.plain import encode
from course_utils.checks.probing import Case, Probe, load_probe, probe_task
from course_utils.checks.registry import lesson_of
from course_utils.checks.settings import ours
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.run import self_check
from course_utils.staff.grading.sandbox.isolation import Limits
from course_utils.staff.judging import judging
from course_utils.staff.judging.judging import judge_task
from course_utils.staff.judging.registry import load_mutants

from .solved import ROOT, TASKS

NARROW = decimal.Context(prec=3, traps=[decimal.Inexact, decimal.FloatOperation])


@contextlib.contextmanager
def default_device(name: str):
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def recursion_limit(limit: int):
    before = sys.getrecursionlimit()
    depth = len(list(_frames()))
    sys.setrecursionlimit(depth + limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back


@contextlib.contextmanager
def warnings_as_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# What is set, and tasks that it could reach.
SETTINGS = {
    "float64": (lambda: default_dtype(torch.float64), ("E09.2", "E09.3", "E10.1", "E11.6", "E12.4")),
    "gradients off": (lambda: torch.set_grad_enabled(False), ("E11.5", "E11.6")),
    "inference mode": (torch.inference_mode, ("E11.6",)),
    "another device": (lambda: default_device("meta"), ("E09.6", "E10.1", "E11.6")),
    "decimals": (lambda: decimal.localcontext(NARROW), ("E05.3", "E12.3")),
    "printed arrays": (lambda: np.printoptions(precision=1, threshold=2, suppress=True), ("E01.3",)),
    "errors of floating point": (lambda: np.errstate(all="raise"), ("E10.6", "E12.1")),
    "warnings": (warnings_as_errors, ("E09.6", "E12.1")),
    "LaTeX": (lambda: plt.rc_context({"text.usetex": True}), ("E01.7", "E09.8")),
    "recursion": (lambda: recursion_limit(20), ("E01.3", "E12.5")),
}


@pytest.mark.parametrize(
    ("setting", "task"), [(setting, task) for setting, (_, tasks) in SETTINGS.items() for task in tasks]
)
def test_a_right_answer_stays_right(setting, task):
    answer, seed = load_mutants(lesson_of(task)).MUTANTS.right_answers[task][0].names, 7
    with SETTINGS[setting][0]():
        data = probe_task(task, answer, seed)
        in_the_notebook = judge_task(task, data, seed)
    assert in_the_notebook.right, in_the_notebook.message
    in_the_grader = judge_task(task, json.loads(json.dumps(data)), seed)
    assert in_the_grader.right, in_the_grader.message


def tensors(task: str) -> list[torch.Tensor]:
    """The weights of all models among a task's inputs, and its tensors."""
    found = []
    for case in load_probe(task).cases(random.Random(3)):
        for leaf in tree_leaves(case.fresh_args()):
            model = getattr(leaf, "model", leaf)
            found += model.state_dict().values() if isinstance(model, torch.nn.Module) else []
            found += [leaf] if isinstance(leaf, torch.Tensor) else []
    return found


@pytest.mark.parametrize("task", [task for task in TASKS if task >= "E09"])
def test_inputs_are_the_same_whatever_is_set(task):
    usual = tensors(task)
    with default_dtype(torch.float64), default_device("meta"), torch.no_grad():
        changed = tensors(task)
    assert len(usual) == len(changed)
    for a, b in zip(usual, changed, strict=True):
        assert (a.dtype, a.device.type, a.requires_grad) == (b.dtype, b.device.type, b.requires_grad)
        assert torch.equal(a, b)


def test_an_answer_is_called_with_what_its_notebook_has_set():
    """One that has set float64 or the number of digits, or switched gradients off, may rely on it."""
    seen = []

    def joint_prob(conds):
        seen.append((torch.get_default_dtype(), torch.is_grad_enabled(), decimal.getcontext().prec))
        return torch.tensor(conds).prod().item()

    with default_dtype(torch.float64), torch.no_grad(), decimal.localcontext(decimal.Context(prec=50)):
        data = probe_task("E01.2", {"joint_prob": joint_prob}, 0)
    assert set(seen) == {(torch.float64, False, 50)}
    assert judge_task("E01.2", data, 0).right


@pytest.mark.parametrize("where", ["before", "inside"])
def test_a_figure_that_asks_for_latex_is_read_without(where, monkeypatch):
    monkeypatch.setenv("PATH", "")  # whether or not LaTeX is here

    def plot_leaves(leaves):
        if where == "inside":
            plt.rcParams["text.usetex"] = True
        figure, axes = plt.subplots()
        axes.bar(list(leaves), list(leaves.values()))
        if where == "before":
            figure.tight_layout()
        return axes

    with plt.rc_context({"text.usetex": where == "before"}):
        assert judge_task("E01.7", probe_task("E01.7", {"plot_leaves": plot_leaves}, 0), 0).right


def test_the_unit_may_be_named_in_a_title_at_the_side():
    def surprisal_strip(tokens, log_probs, n_x):
        _, axes = plt.subplots()
        axes.bar(range(len(log_probs)), [-p for p in log_probs], color=["blue"] * (n_x - 1) + ["red"] * len(log_probs))
        axes.set_title("surprisal in nats")
        return axes

    with plt.rc_context({"axes.titlelocation": "left"}):
        result = judge_task("E09.8", probe_task("E09.8", {"surprisal_strip": surprisal_strip}, 0), 0)
    assert result.right, result.message


def test_cases_are_made_and_calls_are_written_as_in_a_new_process(monkeypatch):
    def cases(rng):
        return [Case((1 / np.float64(0), decimal.Decimal(1) / 3, np.array([0.123456789, 2.0]).repeat(9)))]

    answered = {"f": lambda *args: 0}
    monkeypatch.setattr(probing, "load_probe", lambda task: Probe(task, "f", cases))
    with np.errstate(all="ignore"):
        usual = probe_task("E99.1", answered, 0), cases(random)[0].call("f")
    with np.errstate(all="raise"), decimal.localcontext(NARROW), np.printoptions(precision=1, threshold=2):
        with ours(), np.errstate(all="ignore"):
            case = cases(random)[0]
        assert (probe_task("E99.1", answered, 0), case.call("f")) == usual
    assert "0.12345679" in usual[1] and "..." not in usual[1]


def test_a_judge_may_divide_by_zero_and_says_nothing(monkeypatch, capsys):
    def rule(cases, seen):
        print(np.float64(1) / 0)
        return []

    monkeypatch.setattr(judging, "load_judge", lambda task: judging.Judge(1, rule))
    with np.errstate(all="raise"):
        assert judge_task("E01.1", {"task": "E01.1", "state": "answered", "seen": [{"value": encode(1)}]}, 0).right
    assert capsys.readouterr().out == ""


def test_what_was_set_is_put_back():
    with default_dtype(torch.float64), torch.no_grad(), decimal.localcontext(NARROW), recursion_limit(40):
        limit = sys.getrecursionlimit()
        with ours() as torch_was_changed:
            assert torch_was_changed and torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
            assert decimal.getcontext().prec == 28 and sys.getrecursionlimit() >= 1000
        assert torch.get_default_dtype() == torch.float64 and not torch.is_grad_enabled()
        assert decimal.getcontext().prec == 3 and sys.getrecursionlimit() == limit
    with ours() as torch_was_changed:
        assert not torch_was_changed


@pytest.mark.slow
def test_a_notebook_in_double_precision_is_graded_as_its_checks_said(tmp_path, monkeypatch):
    """From the saved file to the rows of the grader, in a kernel of its own."""
    wide = functools.partial(Limits, cpu_seconds=100.0, wall_seconds=400.0)  # to import torch may take long
    monkeypatch.setattr(self_check, "Limits", wide)
    exercise = pristine.load("11")
    settings = "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\n"
    content = json.loads(json.dumps(exercise.solution))
    for cell in content["cells"]:
        if cell["id"] == "e11-6":
            cell["source"] = settings + "".join(cell["source"])
        elif cell["id"] in exercise.stubs:
            cell["source"] = exercise.stubs[cell["id"]]
    path = tmp_path / f"{exercise.name}.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    rows = self_check.graded_rows(self_check.read_own(path, ROOT))
    assert rows["E11.6"].points == rows["E11.6"].max_points == 2, rows["E11.6"].message
    assert rows["E11.5"].status == "missing"
