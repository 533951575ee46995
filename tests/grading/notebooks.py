"""Notebooks that students might hand in, made from the exercise as it is handed out."""

from __future__ import annotations

import copy
import json

from course_utils.staff.authoring.exercises import exercise
from course_utils.staff.grading.place import pristine

EXERCISE = pristine.load("01")
NAME = EXERCISE.name
HANDED_OUT = exercise(EXERCISE.solution)
POINTS = {task.id: task.max_points for task in EXERCISE.tasks}

# Right answers that are not the solution's, so that a test cannot pass by grading the pristine notebook instead.
RIGHT = {
    "E01.1": "# E01.1\nfrom fractions import Fraction\ndef e01_1():\n    return Fraction(1, 25)",
    "E01.2": "# E01.2\nimport math\ndef joint_prob(conds):\n    return math.prod(conds)",
    "E01.3": (
        "# E01.3\ndef conditional(joint, prefix):\n"
        "    cells = np.asarray(joint)[tuple(prefix)]\n"
        "    weights = cells.reshape(len(cells), -1).sum(axis=1)\n"
        "    return weights / weights.sum()"
    ),
    "E01.4": "# E01.4\ndef e01_4():\n    return [1, 0, 0, 1, 0, 0]",
    "E01.5": (
        "# E01.5\ndef e01_5():\n    p = np.full((2, 2, 2), 1 / 16)\n    p[0, 0, 0] = p[1, 0, 1] = 5 / 16\n    return p"
    ),
    "E01.6": "# E01.6\ndef e01_6():\n    return np.array([0.42, 0.2])",
    "E01.7": (
        "# E01.7\ndef plot_leaves(leaves):\n    fig, ax = plt.subplots()\n"
        "    ax.barh(sorted(leaves), [leaves[s] for s in sorted(leaves)])\n    return ax"
    ),
}
WRONG = {
    "E01.1": "# E01.1\ndef e01_1():\n    return 1.4",
    "E01.2": "# E01.2\ndef joint_prob(conds):\n    return sum(conds)",
    "E01.3": "# E01.3\ndef conditional(joint, prefix):\n    return joint[tuple(prefix)]",
    "E01.4": "# E01.4\ndef e01_4():\n    return {k: True for k in 'ABCDEF'}",
    "E01.5": "# E01.5\ndef e01_5():\n    return np.full((2, 2, 2), 1 / 8)",
    "E01.6": "# E01.6\ndef e01_6():\n    return 0.7, 0.5",
    "E01.7": "# E01.7\ndef plot_leaves(leaves):\n    return plt.subplots()[1]",
}


def notebook(answers: dict[str, str] | None = None) -> dict:
    """The exercise with these answers (task id to source of the answer cell), the rest left as handed out."""
    result = copy.deepcopy(HANDED_OUT)
    for task, source in (answers or {}).items():
        cell(result, task)["source"] = source
    return result


def cell(content: dict, task: str) -> dict:
    """The answer cell of a task."""
    return next(c for c in content["cells"] if c["id"] == task.lower().replace(".", "-"))


def check_cell(content: dict, task: str) -> dict:
    return next(c for c in content["cells"] if c["id"] == task.lower().replace(".", "-") + "-check")


def code(source: str, **fields) -> dict:
    """A code cell of the student's own."""
    return {
        "cell_type": "code", "id": f"own-{abs(hash(source)) % 10**8}", "metadata": {}, "source": source,
        "execution_count": None, "outputs": [],
    } | fields  # fmt: skip


def insert(content: dict, task: str, *sources: str, after: bool = False, **fields) -> dict:
    """Puts cells of the student's own before (or after) the answer cell of a task; returns the notebook."""
    at = content["cells"].index(cell(content, task)) + after
    content["cells"][at:at] = [code(source, **fields) for source in sources]
    return content


def stored(points: str, report: str) -> list[dict]:
    """The outputs of a check cell that shows this report and these points."""
    data = {"text/plain": points}
    return [
        {"output_type": "stream", "name": "stdout", "text": report},
        {"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": {}},
    ]


def dumps(content: object) -> bytes:
    return json.dumps(content).encode()
