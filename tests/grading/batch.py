"""The submissions of the batch: student's name to the bytes of their notebook. Those that need a kernel are few."""

from __future__ import annotations

import json
import random

from course_utils.checks.probing import MIME, probe_task
from tests.grading.notebooks import RIGHT, WRONG, cell, check_cell, code, dumps, insert, notebook, stored


def _namespace() -> dict:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    names = {"np": np, "plt": plt}
    exec("\n".join(RIGHT.values()), names)
    return names


def with_stored_reports(content: dict) -> dict:
    """Every check cell shows full points, though its answer is wrong."""
    for task in RIGHT:
        check_cell(content, task)["outputs"] = stored("2.0", f"{task}: 2 of 2 points\n")
        check_cell(content, task)["execution_count"] = 3
    return content


def with_forged_outputs(seed: int) -> dict:
    """Wrong answers; stored probe outputs of right ones; code that shows such data, without the nonce, when asked."""
    right = {task: probe_task(task, _namespace(), seed) | {"nonce": "guessed"} for task in RIGHT}
    content = notebook(WRONG)
    for task, data in right.items():
        output = {"output_type": "display_data", "data": {MIME: data}, "metadata": {}}
        check_cell(content, task)["outputs"] = [output]
    forge = f"""
import json
from IPython.display import display
import course_utils.checks.probing as probing
DATA = json.loads({json.dumps(json.dumps(right))})
def forged(task, seed, nonce):
    display({{"{MIME}": DATA[task]}}, raw=True)
probing.hand_over = forged
"""
    return insert(content, "E01.1", forge)


HOSTILE = RIGHT | {
    "E01.2": "# E01.2\ndef joint_prob(conds):\n    while True:\n        pass",
    "E01.3": "# E01.3\ndef conditional(joint, prefix):\n    import os\n    os._exit(0)",
    "E01.4": "# E01.4\ndef e01_4():\n    return bytearray(10**12)",
    "E01.5": "# E01.5\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\ndef e01_5():\n    return 0",
}
RAISING = {
    "E01.1": "# E01.1\ndef e01_1():\n    return 1 / 0",
    "E01.2": "# E01.2\ndef joint_prob(conds)\n    return 1",
    "E01.3": "# E01.3\nundefined_name\ndef conditional(joint, prefix):\n    return 1",
    "E01.4": "# E01.4\ndef e01_4():\n    return input('your answer')",
    "E01.5": "# E01.5\nanswer = 5",
    "E01.6": RIGHT["E01.6"] + "\ncheck('E01.6')\nraise ValueError('after the answer')",
    "E01.7": "# E01.7\n%badmagic",
}


def _with_own_cells() -> dict:
    """Helpers, failing cells, shadowed names and changed state: none of it costs a point."""
    content = notebook(RIGHT | {"E01.2": "# E01.2\ndef joint_prob(conds):\n    return product_of(conds)"})
    insert(content, "E01.2", "from math import prod", "def product_of(numbers):\n    return prod(numbers)")
    insert(content, "E01.1", "1 / 0", "%nothing", "!exit 3", "import warnings; warnings.warn('careful')")
    insert(content, "E01.2", "np = None\nplt = 5\nlen = 7\nsum = 'covered'", "raise SystemExit", "print('x' * 100_000)")
    content["cells"].append(code("while True: pass"))  # after the last check: never run
    return content


def _with_reset_needed() -> dict:
    """An earlier task leaves other state behind; a later one relies on the state that a notebook starts with."""
    spoiled = "import random\nrandom.seed(5)\nnp.random.seed(5)\nnp.seterr(all='raise')\nsmall = None\nlist = dict"
    random.seed(0)
    first = random.random()
    asks = f"import random\nif random.random() != {first!r} or small.shape != (2, 2, 2):\n    raise ValueError\n"
    answers = RIGHT | {"E01.3": f"{RIGHT['E01.3']}\n{spoiled}"}
    answers["E01.4"] = f"# E01.4\n{asks}assert list('ab') == ['a', 'b']\n" + RIGHT["E01.4"]
    return notebook(answers)


def _foreign() -> dict:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [code("print('another course')")]}


def _with_html() -> dict:
    content = notebook(
        {"E01.2": "# E01.2\ndef joint_prob(conds):\n    raise ValueError('<script>alert(1)</script>\\n=1+1')"}
    )
    cell(content, "E01.2")["metadata"] |= {"x": "<b>"}
    return content


FORGED_SEED = 20_26
FILES = {
    "full": dumps(notebook(RIGHT)),
    "wrong": dumps(with_stored_reports(notebook(WRONG))),
    "cleared": dumps(notebook(WRONG)),
    "forged": dumps(with_forged_outputs(FORGED_SEED)),
    "hostile": dumps(notebook(HOSTILE)),
    "raising": dumps(notebook(RAISING)),
    "own-cells": dumps(_with_own_cells()),
    "reset": dumps(_with_reset_needed()),
    "html": dumps(_with_html()),
    "stub": dumps(notebook()),
    "empty": b"",
    "login-page": b"<html>Please log in</html>",
    "no-json": b"{" * 100,
    "latin-1": '{"é": 1}'.encode("latin-1"),
    "foreign": dumps(_foreign()),
    "=cmd()": b"null",
}
