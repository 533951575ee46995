"""Exercise 02 as strangers might hand it in: it needs numpy only, so that a kernel costs little."""

from __future__ import annotations

import copy

from course_utils.staff.authoring.exercises import exercise
from course_utils.staff.grading.place import pristine
from tests.grading.notebooks import code, dumps, stored

__all__ = ["EXERCISE", "HANDED_OUT", "NAME", "POINTS", "RIGHT", "WRONG", "cell", "code", "dumps", "notebook", "stored"]

EXERCISE = pristine.load("02")
NAME = EXERCISE.name
HANDED_OUT = exercise(EXERCISE.solution)
POINTS = {task.id: task.max_points for task in EXERCISE.tasks}

RIGHT = {
    "E02.1": "# E02.1\ndef e02_1():\n    return 0.0, float('-inf')",
    "E02.2": (
        "# E02.2\ndef sequence_log_prob(tokens, cond, bos):\n    logs = []\n"
        "    for i, token in enumerate(tokens):\n        p = cond(token, (bos, *tokens[:i]))\n"
        "        if p == 0:\n            return -np.inf\n        logs.append(np.log(p))\n    return sum(logs)"
    ),
    "E02.3": "# E02.3\ndef e02_3():\n    return sum(0.1 * 0.9**k for k in range(10)), 9.0",
    "E02.4": (
        "# E02.4\ndef prefix_prob(cond, tokens):\n"
        "    return math.prod(cond(t, (BOS, *tokens[:i])) for i, t in enumerate(tokens))\n"
        "def complete_prob(cond, tokens, eos):\n    return cond(eos, (BOS, *tokens)) * prefix_prob(cond, tokens)"
    ),
    "E02.5": (
        "# E02.5\ndef safe_log_prob(tokens, cond, bos):\n"
        "    ps = [cond(t, (bos, *tokens[:i])) for i, t in enumerate(tokens)]\n"
        "    return -math.inf if 0 in ps else math.fsum(map(math.log, ps))"
    ),
    "E02.6": "# E02.6\ndef leaky_mass(n):\n    return n / (2 * (n + 1))",
    "E02.7": "# E02.7\ndef e02_7():\n    return [('a',), ('a', 'b'), ('a', 'c', 'd')]",
}
WRONG = {  # each one plausible, none of them right
    "E02.1": "# E02.1\ndef e02_1():\n    return 0.32, math.log(0.32)",
    "E02.2": "# E02.2\ndef sequence_log_prob(tokens, cond, bos):\n    return -1.0",
    "E02.3": "# E02.3\ndef e02_3():\n    return 0.9, 10.0",
    "E02.4": (
        "# E02.4\ndef prefix_prob(cond, tokens):\n    return 0.5\ndef complete_prob(cond, tokens, eos):\n    return 0.1"
    ),
    "E02.5": "# E02.5\ndef safe_log_prob(tokens, cond, bos):\n    return 0.0",
    "E02.6": "# E02.6\ndef leaky_mass(n):\n    return 0.5",
    "E02.7": "# E02.7\ndef e02_7():\n    return [('a',), ('b', 'a')]",
}


def notebook(
    answers: dict[str, str] | None = None,
    before: dict[str, list[str]] | None = None,
    after: dict[str, list[str]] | None = None,
) -> dict:
    """The exercise with these answers; cells of the student's own before or after the answers of tasks."""
    content = copy.deepcopy(HANDED_OUT)
    for task, source in (RIGHT if answers is None else answers).items():
        cell(content, task)["source"] = source
    for place, shift in ((before or {}, 0), (after or {}, 1)):
        for task, sources in place.items():
            at = content["cells"].index(cell(content, task)) + shift
            content["cells"][at:at] = [code(source) for source in sources]
    return content


def cell(content: dict, task: str, suffix: str = "") -> dict:
    """The answer cell of a task; with the suffix "-check" its check cell."""
    return next(c for c in content["cells"] if c["id"] == task.lower().replace(".", "-") + suffix)
