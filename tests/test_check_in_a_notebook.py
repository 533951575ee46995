"""`check` in a real kernel, and the grader on the same cells: work that is there is not reported as missing, both say
the same words, and an answer that never ends has an end."""

import sys

import pytest

from course_utils.staff.grading.run import self_check
from tests.grading.notebooks import EXERCISE, NAME, RIGHT, dumps, insert, notebook

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

RENAMED = "# E01.1\ndef e01_one():\n    return 0.04"
LEFT = "# E01.2\ndef joint_prob(conds):\n    total = np.prod(conds)\n    raise NotImplementedError"
ABOVE = "# E01.2\ndef joint_prob(conds):\n    raise NotImplementedError\n    return np.prod(conds)"
TIMED = f"%%timeit -n 1 -r 1\n{RIGHT['E01.3']}"
EARLIER = "def e01_4():\n    return [1, 0, 0, 1, 0, 0]"
BROKEN = "# E01.4\ndef e01_4()\n    return 'A'"
OWN = "# E01.5\ndef e01_5():\n    raise NotImplementedError('Could not run aten::add')"
HELPER = "%%writefile helpers.py\ndef pair():\n    return 0.42, 0.2"
IMPORTED = "# E01.6\nimport helpers\ndef e01_6():\n    return helpers.pair()"
NEWER = "# E01.7\ndef plot_leaves(leaves):\n    return f'{'a'!r}"  # no Python takes it: a quotation mark is missing

WORDS = {
    "E01.1": "the answer cell defines e01_one and no e01_1: call the function e01_1 again",
    "E01.2": "the line `raise NotImplementedError` is still in joint_prob: delete it",
    "E01.3": "%%timeit keeps to itself what its cell defines: take that line out and run the cell again",
    "E01.4": "the answer cell raised SyntaxError: expected ':' (line 2), so that none of it ran; this is Python "
    f"{sys.version_info.major}.{sys.version_info.minor}",
    "E01.5": "the answer raised NotImplementedError: Could not run aten::add",
    "E01.6": "",
}
CELLS = {"E01.1": [RENAMED], "E01.2": [LEFT], "E01.3": [TIMED], "E01.4": [EARLIER, BROKEN], "E01.5": [OWN]}
CELLS |= {"E01.6": [HELPER, IMPORTED], "E01.7": [NEWER]}


class Notebook:
    """A kernel as JupyterLab would start it. `run` gives what the cell printed, or the lines of its error."""

    def __init__(self, folder):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(kernel_name="python3", cwd=str(folder))
        self.run("import numpy as np\nfrom course_utils.lesson import check")

    def run(self, source):
        said = []

        def hear(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                said.append(content["text"])
            elif message["msg_type"] == "error":
                said.append("\n".join(content["traceback"]))

        self.client.execute_interactive(source, output_hook=hear, timeout=120)
        return "".join(said)

    def check(self, task):
        return self.run(f'# NBVAL_CHECK_OUTPUT\ncheck("{task}")')


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    made = Notebook(tmp_path_factory.mktemp("kernel"))
    yield made
    made.client.stop_channels()
    made.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """What `course check` says of a notebook with all these cells, with the grader's own engine."""
    content = notebook({task: cells[-1] for task, cells in CELLS.items()})
    for task, cells in CELLS.items():
        insert(content, task, *cells[:-1])
    path = tmp_path_factory.mktemp("own") / f"{NAME}.ipynb"
    path.write_bytes(dumps(content))
    return self_check.graded_rows(self_check.read_own(path, EXERCISE.root))


@pytest.mark.parametrize("task", WORDS)
def test_each_has_its_own_words_and_the_grader_has_the_same(kernel, rows, task):
    for source in CELLS[task]:
        kernel.run(source)
    said, words, row = kernel.check(task), WORDS[task], rows[task]
    if words:
        assert words in said and "0 of" in said.splitlines()[0]
        assert (row.points, row.status, row.message) == (0, "error", words)
    else:
        assert (row.points, row.message) == (row.max_points, "") and "1 of 1" in said


def test_the_version_of_python_is_named_where_it_does_not_know_the_syntax(rows):
    assert "SyntaxError" in rows["E01.7"].message
    assert rows["E01.7"].message.endswith(f"this is Python {sys.version_info.major}.{sys.version_info.minor}")


def test_what_was_run_before_is_not_judged_for_a_cell_that_failed(kernel):
    kernel.run(RIGHT["E01.2"])
    assert "2 of 2" in kernel.check("E01.2")
    kernel.run(RIGHT["E01.2"].replace("(conds):", "(conds)"))
    assert "SyntaxError" in kernel.check("E01.2")
    kernel.run(ABOVE)
    assert WORDS["E01.2"] in kernel.check("E01.2")
    kernel.run(RIGHT["E01.2"].replace("import math", "1 / 0"))
    assert "ended with an error before it came to joint_prob" in kernel.check("E01.2")
    kernel.run(RIGHT["E01.2"].replace("joint_prob", "join_prob"))
    assert "defines join_prob and no joint_prob" in kernel.check("E01.2")
    kernel.run("%%capture\n" + RIGHT["E01.2"])
    assert "2 of 2" in kernel.check("E01.2")


@pytest.mark.parametrize("loop", ["while True:\n            pass", "import time\n        time.sleep(1000)"])
def test_an_answer_that_never_ends_is_stopped_with_one_line(kernel, loop):
    kernel.run("from course_utils.checks import patience\npatience.SECONDS = 0.6")
    kernel.run(f"# E01.2\ndef joint_prob(conds):\n    try:\n        {loop}\n    except Exception:\n        pass")
    said = kernel.check("E01.2")
    assert said == (
        "E01.2 joint_prob: stopped, as it was still running after 0.6 seconds. Is there a loop that never ends?\n"
    )
    assert kernel.run("print(joint_prob.__name__)") == "joint_prob\n"


def test_an_answer_that_never_ends_is_stopped_outside_the_main_thread(kernel):
    kernel.run("patience.SECONDS = 0.6\n# E01.2\ndef joint_prob(conds):\n    while True:\n        pass")
    said = kernel.run(
        "import threading\nt = threading.Thread(target=lambda: print(check('E01.2')))\nt.start()\nt.join()"
    )
    assert "still running after 0.6 seconds" in said and said.endswith("\n0.0\n")


def test_an_interrupt_is_one_line(kernel):
    kernel.run("patience.SECONDS = 1000\nimport os, signal")
    kernel.run(
        "# E01.2\ndef joint_prob(conds):\n    os.kill(os.getpid(), signal.SIGINT)\n    while True:\n        pass"
    )
    said = kernel.check("E01.2")
    assert said.splitlines() == ["E01.2 joint_prob: interrupted, so there is no result. Run this cell again for one."]
    assert kernel.run("print(1)") == "1\n"
