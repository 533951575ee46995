"""Collects the wrong and the unusual right answers of a lesson.

MUTANTS = Mutants()
wrong, right = MUTANTS.wrong, MUTANTS.right

@wrong("E01.2", "sum_for_product")           # an id from misconceptions.toml, which has the message
def joint_prob_sum_for_product(conds):       # any name: as an answer it is called joint_prob
    return sum(conds)

MUTANTS.wrong_value("E01.1", 0.1 + 0.5 + 0.8, "sum_for_product")
MUTANTS.common("E03.4", sum_of_logs, "bits_for_nats", "nothing_returned")  # the right number, spoilt at the end

@right("E01.2", "math.prod")
def joint_prob_math_prod(conds):
    return math.prod(conds)
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from course_utils.checks.probing import load_probe

COMMON: dict[str, Callable] = {  # what the commonest mistakes make of the right number (array, tensor) of n tokens
    "bits_for_nats": lambda right, n: right / math.log(2),
    "log10_for_ln": lambda right, n: right / math.log(10),
    "mean_of_logs": lambda right, n: right / n,
    "nothing_returned": lambda right, n: None,
    "probability_for_log": lambda right, n: right.exp() if hasattr(right, "exp") else np.exp(right),
    "surprisal_for_log_prob": lambda right, n: -right,
}


@dataclass(frozen=True)
class Answer:
    """An answer that we wrote. `names` is what its cell would define."""

    task: str
    names: dict[str, Callable]
    note: str = ""  # of a right one: what is unusual about it
    misconception: str = ""  # of a wrong one: its id in misconceptions.toml
    message: str = ""  # of a wrong one: what the student reads


@dataclass
class Mutants:
    """The wrong answers, the right variants, and the automatic mutants that are no mistakes.

    `equivalent["E01.2"]["<id of the automatic mutant>"]` is the reason why it still gives the right answer.
    """

    wrong_answers: dict[str, list[Answer]] = field(default_factory=dict)
    right_answers: dict[str, list[Answer]] = field(default_factory=dict)
    equivalent: dict[str, dict[str, str]] = field(default_factory=dict)

    def wrong(self, task: str, misconception: str, message: str = "", **names: Callable) -> Callable:
        """Decorator for a wrong answer; further functions of the same cell go into `names`.

        The message is that of the misconception unless one is given. Raises KeyError for an id that is not in the file.
        """
        text = message or misconceptions()[misconception]["message"]
        if misconception not in misconceptions():
            raise KeyError(f"{misconception} is not in misconceptions.toml")
        return self._keep(self.wrong_answers, task, names, misconception=misconception, message=text)

    def wrong_value(self, task: str, value: Any, misconception: str, message: str = "") -> None:
        """A wrong answer to a task whose function has no arguments."""
        self.wrong(task, misconception, message)(lambda: value)

    def common(self, task: str, right: Callable, *misconceptions: str, count: Callable = lambda *args: 1) -> None:
        """Wrong answers that spoil what `right` gives, each in one way of COMMON.

        `count` gives the number of tokens, from the same arguments; "mean_of_logs" needs it.
        """
        for name in misconceptions:
            self.wrong(task, name)(lambda *args, spoil=COMMON[name]: spoil(right(*args), count(*args)))

    def right(self, task: str, note: str, **names: Callable) -> Callable:
        """Decorator for an answer that is right in another form."""
        return self._keep(self.right_answers, task, names, note=note)

    def right_value(self, task: str, value: Any, note: str) -> None:
        """A right answer, in another form, to a task whose function has no arguments."""
        self.right(task, note)(lambda: value)

    @staticmethod
    def _keep(answers: dict, task: str, names: dict, **about: str) -> Callable:
        def keep(function: Callable) -> Callable:
            cell = {load_probe(task).function: function, **names}
            for name, ours in cell.items():
                if isinstance(ours, FunctionType):
                    ours.__name__ = ours.__qualname__ = name  # as a student calls it: Python's messages say it
            answers.setdefault(task, []).append(Answer(task, cell, **about))
            return function

        return keep


@functools.cache
def misconceptions() -> dict[str, dict]:
    """misconceptions.toml: by id, the message for the student and where the mistake was seen."""
    text = (Path(__file__).parent / "misconceptions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def message(misconception: str) -> str:
    """What a student with this misconception reads."""
    return misconceptions()[misconception]["message"]
