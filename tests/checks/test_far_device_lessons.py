"""The lessons on real models keep to the model's device, shown without a GPU.

Solutions, right variants and lectures of lessons 09 to 12 run with a model that counts as being far away (see
tests/far_device.py). Tasks are found by their arguments: those to which the check hands a model of transformers.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves
from transformers import PreTrainedModel

from course_utils.checks import registry
from course_utils.checks.probing import load_probe
from course_utils.language_model import tiny_model
from course_utils.staff.judging.registry import load_mutants
from tests.far_device import FarDevice, WrongDevice

from .solved import ROOT, TASKS, lecture_cells, names, run, verdict

REAL_MODELS = [task for task in TASKS if registry.lesson_of(task) >= "09"]


def models(arguments: Any) -> list[PreTrainedModel]:
    return [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, PreTrainedModel)]


def takes_a_model(task: str) -> bool:
    return any(models(case.fresh_args()) for case in load_probe(task).cases(random.Random(0)))


def far(function: Callable) -> Callable:
    """The function, which runs with every model among its arguments far away."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with FarDevice(*models((args, kwargs))):
            return function(*args, **kwargs)

    return wrapped


def far_verdict(task: str, cell: dict):
    probe = load_probe(task)
    asked = {name: far(cell[name]) for name in (probe.function, *probe.needs) if callable(cell.get(name))}
    return verdict(task, {**cell, **asked}, seconds=60)


ANSWERS = [
    pytest.param(task, answer, id=f"{task}-{note}")
    for task in REAL_MODELS
    if takes_a_model(task)
    for note, answer in [
        ("the solution", None),
        *((a.note, a) for a in load_mutants(registry.lesson_of(task)).MUTANTS.right_answers.get(task, [])),
    ]
]


@pytest.mark.parametrize(("task", "answer"), ANSWERS)
def test_a_right_answer_keeps_to_the_device_of_the_model(task, answer):
    result = far_verdict(task, answer.names if answer else names(task))
    assert result.right, result.message


@pytest.mark.parametrize("place", [{}, {"device": "cpu"}])
def test_an_answer_that_leaves_its_ids_here_is_found(place):
    def total(model, ids):
        ids = torch.tensor([ids], **place)
        return -model(ids, labels=ids).loss

    assert total(tiny_model(), [0, 2, 3]) < 0
    with pytest.raises(WrongDevice):
        far(total)(tiny_model(), [0, 2, 3])


# --- lectures -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def every_model_far(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever the course's functions load or make inside is far away."""
    import course_utils
    from course_utils import language_model
    from course_utils.language_model import loading, tiny

    with FarDevice() as device:
        load, make = device.makes_far(loading.load_language_model), device.makes_far(tiny.tiny_model)
        for place in (course_utils, language_model, loading):
            monkeypatch.setattr(place, "load_language_model", load, raising=False)
        for place in (language_model, tiny):
            monkeypatch.setattr(place, "tiny_model", make, raising=False)
        yield


def test_in_a_lecture_the_scorer_works_and_ids_left_here_are_found(monkeypatch):
    with every_model_far(monkeypatch):
        cell = run(
            "import torch\n"
            "from course_utils import load_scorer\n"
            "from course_utils.language_model import tiny_model\n"
            "scorer, other = load_scorer(), tiny_model()\n"
            "joint = scorer.score([('The sun is', ' shining')])[0].joint\n"
            "logits = other(torch.tensor([[0, 2]], device=other.device)).logits\n",
            {},
        )
        assert cell["joint"] < 0 and len(cell["logits"]) == 1
        for model in (cell["scorer"].model, cell["other"]):
            with pytest.raises(WrongDevice):
                model(torch.tensor([[0, 2]]))


LECTURES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem >= "09")


@pytest.mark.slow
@pytest.mark.parametrize("lecture", LECTURES)
def test_a_lecture_keeps_to_the_device_of_its_models(lecture, monkeypatch):
    """Cells with the tag measured are left out: they take long, and their GPU part asks for a GPU."""
    namespace = {"__name__": "__main__"}
    with every_model_far(monkeypatch):
        for name, source in lecture_cells(lecture, without="measured").items():
            try:
                run(source, namespace)
            except WrongDevice as error:
                pytest.fail(f"cell {name}: {error}")
