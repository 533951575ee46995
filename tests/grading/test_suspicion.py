"""Which cells may have spoilt their kernel for others."""

# ruff: noqa: E501 - lists of sources, one a line

import pytest

from course_utils.notebooks import is_answer, source
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.place.suspicion import is_suspect
from tests.grading.hostile.attacks import HOOKS, PATCHES, TORCH_PATCHES
from tests.grading.hostile.notebooks import RIGHT, WRONG

PLAIN = [
    "import numpy as np\nfrom math import log, prod\nimport matplotlib.pyplot as plt\nfrom course_utils.log_space import logsumexp",
    "def f(xs):\n    total = {}\n    for x in xs:\n        total[x] = total.get(x, 0) + 1\n    rows = []\n    rows.append(total)\n    return rows",
    "fig, ax = plt.subplots()\nax.bar(['a'], [1.0])\nax.set_title('x')\nax.set_xlabel('y')",
    "import torch\nwith torch.no_grad():\n    x = torch.log_softmax(torch.zeros(3), -1)[0].item()",
    "x = logits.double().to(torch.float32)\nreturn_value = ids.to('cpu')",
    "_ = print('a_b', f'{1:.2f}')",
]
SUSPECT = [
    "math.inf = 7", "del math.inf", "math.__dict__['inf'] = 7", "for math.inf in (7,): pass", "plt.rcParams['x'] = 1",
    "import os", "from numpy import ctypeslib", "import torch.utils.cpp_extension", "from collections.abc import Mapping",
    "from . import x", "import course_utils.checks.probing", "from course_utils.lessons.lesson_02 import probe", "exec('x')", "setattr(math, 'inf', 7)", "f = globals",
    "np.random.mtrand._rand", "weights.mul_(2)", "np.seterr(all='raise')", "lang.table.clear()", "class A: pass",
    "'{0.__class__}'.format(1)", "operator.attrgetter('x')", "model.train()", "model.double()", "model.to(torch.float16)", "%matplotlib inline", "!ls", "x = (",
    "statistics.sys.exit()", "(" * 10_000, "x = 1\x00",
]  # fmt: skip


@pytest.mark.parametrize("source", [*PLAIN, *RIGHT.values(), *WRONG.values()])
def test_what_only_computes_is_plain(source):
    assert not is_suspect(source)


@pytest.mark.parametrize("source", [*SUSPECT, *PATCHES.values(), *TORCH_PATCHES.values()])
def test_what_reaches_further_is_suspect(source):
    assert is_suspect(source)


@pytest.mark.parametrize("name", sorted(set(HOOKS)))
def test_the_hooks_of_ipython_are_suspect(name):
    assert is_suspect(f"ip = get_ipython()\n{HOOKS[name]}")


def test_hardly_any_solution_is_suspect():
    """Else graders would ask honest answers twice."""
    cells = [cell for name in pristine.names() for cell in pristine.load(name).solution["cells"]]
    answers = [source(cell) for cell in cells if is_answer(cell)]
    assert sum(map(is_suspect, answers)) < 0.1 * len(answers)
