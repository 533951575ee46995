"""Where an answer is found, and what of a student's notebook comes into the graded copy."""

import builtins
import json
import random
import signal
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils.answers import cleaned
from course_utils.notebooks import task_of
from course_utils.staff.grading.intake.reading import read_notebook
from course_utils.staff.grading.place.graft import RESET, STUB, graft, place
from tests.grading.notebooks import EXERCISE, RIGHT, WRONG, cell, check_cell, code, dumps, insert, notebook

SOLUTION, STUBS = EXERCISE.solution, EXERCISE.stubs


def placed(content):
    return place(SOLUTION, read_notebook(dumps(content)), STUBS)


def grafted(content):
    return graft(SOLUTION, read_notebook(dumps(content)), STUBS)


def sources(graded):
    """(role, task, source) of the code cells of a graded copy."""
    found = []
    for c in graded["cells"]:
        if c["cell_type"] == "code":
            source = c["source"] if isinstance(c["source"], str) else "".join(c["source"])
            found.append((c["metadata"]["grading"]["role"], c["metadata"]["grading"]["task"], source))
    return found


def without(content, *keys):
    """The notebook with these ways to recognise its cells taken out."""
    for c in content["cells"]:
        if "id" in keys:
            c.pop("id")
        if "metadata" in keys:
            c["metadata"] = {}
        if "marker" in keys and "".join(c["source"]).startswith("# E"):
            c["source"] = "".join(c["source"]).partition("\n")[2]
    return content


@pytest.mark.parametrize("lost", [(), ("id",), ("metadata",), ("marker",), ("id", "metadata"), ("id", "marker")])
def test_an_answer_is_found_by_metadata_id_or_marker(lost):
    found = placed(without(notebook(RIGHT), *lost))
    assert not found.missing
    assert "math.prod" in found.answers["e01-2"]


def test_without_all_three_it_is_missing_and_the_message_says_so():
    content = notebook(RIGHT)
    content["cells"].remove(cell(content, "E01.2"))
    found = placed(content)
    assert "no answer cell" in found.missing["e01-2"] and "E01.2" in found.missing["e01-2"]
    assert "e01-1" not in found.missing


def test_an_answer_in_a_cell_of_its_own_is_found_by_the_name_of_the_function():
    content = without(notebook({"E01.2": RIGHT["E01.2"]}), "marker")
    written = cell(content, "E01.2")["source"]
    cell(content, "E01.2")["source"] = STUBS["e01-2"]
    assert placed(content).missing["e01-2"] == STUB
    for after in (False, True):
        assert (
            placed(insert(json.loads(json.dumps(content)), "E01.2", written, after=after)).answers["e01-2"] == written
        )
    content["cells"] = [code("joint_prob: object = lambda conds: 1")]
    found = placed(content)
    assert "joint_prob" in found.answers["e01-2"] and "no answer cell" in found.missing["e01-1"]
    content["cells"] = [code("class joint_prob:\n    pass")]
    assert "class" in placed(content).answers["e01-2"]
    content["cells"] = [code("print(joint_prob == 3)\n# joint_prob = 3\njoint_prob2 = 3\njoint_prob == 4")]
    assert "e01-2" in placed(content).missing


def test_an_answer_that_was_written_over_the_check_counts():
    content = notebook()
    check_cell(content, "E01.2")["source"] = RIGHT["E01.2"]
    assert placed(content).answers == {"e01-2": RIGHT["E01.2"]}


def test_of_several_cells_that_define_the_function_the_last_counts():
    """As in the notebook, where it has replaced the others; a later cell that only names it has not."""
    content = notebook({"E01.2": STUBS["e01-2"]})
    first, last = ("def joint_prob(conds):\n    return " + what for what in ("sum(conds)", "math.prod(conds)"))
    content = insert(content, "E01.2", first, last, "print(joint_prob([1]))")
    assert placed(content).answers["e01-2"] == last


def test_two_answers_that_were_merged_into_one_cell_are_both_found():
    content = notebook(RIGHT)
    both = f"{RIGHT['E01.1']}\n\n{RIGHT['E01.2']}\n\ncheck('E01.1')"
    content["cells"].remove(cell(content, "E01.2"))
    cell(content, "E01.1")["source"] = both
    found = placed(insert(content, "E01.1", "a = 1"))
    assert found.answers["e01-1"] == found.answers["e01-2"] == both and not found.missing
    assert found.before["e01-1"] == ["a = 1"]


def test_own_cells_below_the_last_check_come_last():
    content = notebook(RIGHT)
    content["cells"].append(code("import math"))
    *_, check, last = sources(grafted(content))
    assert check[:2] == ("check", "E01.7") and last == ("last", "", "import math")


def test_an_answer_in_a_markdown_cell_is_no_answer():
    content = notebook(RIGHT)
    cell(content, "E01.2")["cell_type"] = "markdown"
    assert "e01-2" in placed(content).missing


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s,
        lambda s: s + "\n\n",
        lambda s: s.replace("\n", "\r\n"),
        lambda s: s.replace("\n", "  \n"),
        lambda s: "",
    ],
)
def test_the_stub_counts_as_not_answered(change):
    content = notebook(RIGHT)
    cell(content, "E01.2")["source"] = change(STUBS["e01-2"])
    assert placed(content).missing == {"e01-2": STUB}


def test_of_doubles_the_last_that_is_not_the_stub_counts():
    content = notebook({"E01.2": WRONG["E01.2"]})
    original = cell(content, "E01.2")
    doubles = [
        original | {"id": "copy-1", "source": RIGHT["E01.2"]},
        original | {"id": "copy-2", "source": STUBS["e01-2"]},
    ]
    at = content["cells"].index(original) + 1
    content["cells"][at:at] = doubles
    found = placed(content)
    assert found.answers["e01-2"] == RIGHT["E01.2"]
    assert found.before["e01-2"] == [WRONG["E01.2"]]  # a split cell: its first half may hold what the second needs


def test_a_new_cell_with_the_marker_counts_where_the_original_was_left_as_a_stub():
    content = insert(notebook(), "E01.2", RIGHT["E01.2"], after=True)
    assert placed(content).answers["e01-2"] == RIGHT["E01.2"]


def test_a_copied_cell_that_names_another_task_does_not_take_its_place():
    content = notebook({"E01.1": RIGHT["E01.1"]})
    copied = cell(content, "E01.1") | {"id": "copied", "source": RIGHT["E01.2"]}  # copied with its metadata
    content["cells"].append(copied)
    found = placed(content)
    assert found.answers == {"e01-1": RIGHT["E01.1"], "e01-2": RIGHT["E01.2"]}


def test_a_cell_that_names_another_task_counts_where_there_is_no_other():
    content = notebook({"E01.2": RIGHT["E01.2"].replace("# E01.2", "# E01.3")})
    content["cells"].remove(cell(content, "E01.3"))
    assert "math.prod" in placed(content).answers["e01-2"]


def test_the_metadata_counts_before_the_id():
    content = notebook(RIGHT)
    original = cell(content, "E01.2")
    other = {"cell_type": "code", "id": "e01-2", "metadata": {}, "source": WRONG["E01.2"].partition("\n")[2]}
    original["id"] = "another"
    content["cells"].append(other)
    assert placed(content).answers["e01-2"] == RIGHT["E01.2"]


def test_a_marker_may_stand_below_blank_lines():
    content = without(notebook({"E01.2": "\n\n" + RIGHT["E01.2"]}), "id", "metadata")
    assert "math.prod" in placed(content).answers["e01-2"]


def test_own_cells_stand_in_order_before_the_next_answer_and_after_the_reset():
    content = insert(notebook(RIGHT), "E01.2", "first = 1", "second = first")
    cells = sources(grafted(content))
    at = cells.index(("extra", "E01.2", "first = 1"))
    assert cells[at + 1] == ("extra", "E01.2", "second = first")
    assert cells[at + 2] == ("answer", "E01.2", RIGHT["E01.2"])
    assert cells[at - 1][:2] == ("reset", "E01.2")
    assert "import numpy as np" in cells[at - 1][2]
    last_reset = [source for role, _, source in cells if role == "reset"][-1]
    assert "import numpy as np" in last_reset and "small = " in last_reset  # the set-up, and what is given on the way


def test_an_own_cell_between_answer_and_check_stays_there():
    content = insert(notebook(RIGHT), "E01.2", "def helper(): pass", after=True)
    cells = sources(grafted(content))
    at = cells.index(("extra", "E01.2", "def helper(): pass"))
    assert cells[at - 1][:2] == ("answer", "E01.2") and cells[at + 1][:2] == ("check", "E01.2")


@pytest.mark.parametrize("lost", [(), ("id",), ("metadata",), ("id", "metadata")])
def test_a_check_is_known_by_its_id_its_metadata_or_its_source(lost):
    """So an own cell between answer and check is seen to stand there, and one below the last check to come last."""
    content = without(insert(notebook(RIGHT), "E01.2", "def helper(): pass", after=True), *lost)
    content["cells"].append(code("last = 1"))
    found = placed(content)
    assert found.after["e01-2"] == ["def helper(): pass"] and found.last == ["last = 1"]


@pytest.mark.parametrize("lost", [(), ("id",), ("metadata",)])
def test_the_check_of_another_task_that_was_moved_does_not_end_an_answer(lost):
    content = insert(notebook(RIGHT), "E01.2", "def helper(): pass", after=True)
    moved = check_cell(content, "E01.1")
    content["cells"].remove(moved)
    content["cells"].insert(content["cells"].index(cell(content, "E01.2")) + 1, moved)
    assert placed(without(content, *lost)).after["e01-2"] == ["def helper(): pass"]


def test_a_check_that_was_changed_does_not_come_in_as_a_cell_of_their_own():
    for lost in ("id", "metadata"):
        content = notebook(RIGHT)
        check_cell(content, "E01.2")["source"] = "check = lambda task: 2.0"
        assert "lambda" not in json.dumps(grafted(without(content, lost)))


def test_own_cells_below_an_answer_whose_check_is_gone_stand_after_it():
    content = notebook(RIGHT)
    content["cells"].remove(check_cell(content, "E01.7"))
    content["cells"].append(code("helper = 1"))
    found = placed(content)
    assert found.after["e01-7"] == ["helper = 1"] and found.last == []


def test_an_own_cell_after_the_check_comes_before_the_next_answer():
    content = notebook(RIGHT)
    content["cells"].insert(content["cells"].index(check_cell(content, "E01.2")) + 1, code("between = 1"))
    cells = sources(grafted(content))
    assert cells.index(("extra", "E01.3", "between = 1")) < cells.index(("answer", "E01.3", RIGHT["E01.3"]))


def test_a_changed_given_cell_is_the_students_and_the_pristine_one_stays():
    content = notebook(RIGHT)
    setup = next(c for c in content["cells"] if c["id"] == "setup")
    pristine_source, setup["source"] = "".join(setup["source"]), "import math\n" + "".join(setup["source"])
    cells = sources(grafted(content))
    assert cells[0] == ("given", "", pristine_source)
    assert ("extra", "E01.1", setup["source"]) in cells


def test_checks_are_ours_whatever_became_of_the_students():
    content = notebook(RIGHT)
    check_cell(content, "E01.2")["source"] = "check = lambda task: 2.0"
    content["cells"].remove(check_cell(content, "E01.3"))
    cells = sources(grafted(content))
    assert [c for c in cells if c[0] == "check"] == [
        ("check", task, f'# NBVAL_CHECK_OUTPUT\ncheck("{task}")') for task in RIGHT
    ]
    assert not [c for c in cells if "lambda" in c[2]]


def test_no_solution_is_left_in_the_graded_copy():
    text = json.dumps(grafted(notebook()))
    assert "SOLUTION" not in text
    assert "product *= cond" not in text and "0.1 * 0.5 * 0.8\\n" not in text
    assert "inside.sum(axis=future)" in json.dumps(SOLUTION) and "inside.sum(axis=future)" not in text


def test_a_check_without_an_answer_says_what_is_missing():
    content = notebook({"E01.1": RIGHT["E01.1"]})
    content["cells"].remove(cell(content, "E01.3"))
    said = {
        c["metadata"]["grading"]["task"]: c["metadata"]["grading"].get("missing")
        for c in grafted(content)["cells"]
        if c["cell_type"] == "code" and c["metadata"]["grading"]["role"] == "check"
    }
    assert said["E01.1"] is None and said["E01.2"] == STUB and "no answer cell" in said["E01.3"]


def test_what_the_solution_alone_shows_is_left_out_and_the_solution_stays_as_it_was():
    solution = json.loads(json.dumps(SOLUTION))
    shown = {"output_type": "stream", "name": "stdout", "text": "the secret"}
    cell(solution, "E01.2")["outputs"] = [shown]
    solution["cells"].append(code("remark = 'for solutions'", metadata={"tags": ["solution-only"]}))
    before = json.dumps(solution)
    graded = graft(solution, read_notebook(dumps(notebook(RIGHT))), STUBS)
    assert "the secret" not in json.dumps(graded) and "for solutions" not in json.dumps(graded)
    graded["metadata"]["kernelspec"] = graded["cells"][0]["source"] = None
    assert json.dumps(solution) == before


def test_line_ends_become_those_of_unix():
    assert cleaned("a\r\nb\rc\n") == "a\nb\nc\n"


@pytest.mark.parametrize(
    "marker", ["# PYTEST_VALIDATE_IGNORE_OUTPUT", "# NBVAL_SKIP", "#NBVAL_IGNORE_OUTPUT", "  # NBVAL_RAISES_EXCEPTION "]
)
def test_nbval_markers_are_taken_out(marker):
    assert marker.strip("# ") not in cleaned(f"x = 1\n{marker}\ny = 2")
    assert cleaned(f"x = 1\n{marker}\ny = 2").count("\n") == 2


def test_tags_and_outputs_of_the_student_do_not_come_in():
    content = notebook(RIGHT)
    cell(content, "E01.2")["metadata"]["tags"] = ["raises-exception", "nbval-skip"]
    cell(content, "E01.2")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "forged"}]
    text = json.dumps(grafted(content))
    assert "raises-exception" not in text and "nbval-skip" not in text and "forged" not in text


def test_every_cell_of_a_graded_copy_has_an_id_of_its_own():
    graded = grafted(insert(notebook(RIGHT), "E01.2", "x = 1", "x = 1"))
    ids = [c["id"] for c in graded["cells"]]
    assert len(ids) == len(set(ids))


# --- what is set again before each answer -----------------------------------------------------------------------------


@pytest.fixture
def shell(monkeypatch):
    """Of IPython what the reset looks at; and everything as it was, after the test."""

    def timeit(line, cell=None):
        return line

    def matplotlib(line):
        raise ImportError(f"no {line} here")

    magics = {"line": {"timeit": timeit, "matplotlib": matplotlib}, "cell": {"timeit": timeit}}
    shell = SimpleNamespace(magics_manager=SimpleNamespace(magics=magics), ask_exit=None)
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    monkeypatch.setattr(plt, "switch_backend", plt.switch_backend)
    trace, states = sys.gettrace(), (random.getstate(), np.random.get_state(), torch.get_rng_state())
    with plt.rc_context(), np.errstate():
        yield shell
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    for put_back, state in zip((random.setstate, np.random.set_state, torch.set_rng_state), states, strict=True):
        put_back(state)
    sys.settrace(trace)


def test_state_that_outlives_a_cell_is_that_of_a_new_notebook(shell):
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    drawn = random.random(), np.random.random(), torch.rand(1).item()
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    plt.rcParams["text.usetex"] = True
    plt.figure()
    np.seterr(all="raise")
    signal.setitimer(signal.ITIMER_VIRTUAL, 1000)
    sys.settrace(lambda *_: None)
    sys.setprofile(lambda *_: None)
    names = {"sum": 5, "mine": 6, "list": dict, "filter": lambda x: x, "abs": np.abs, "max": np.max}
    exec(RESET, names)
    assert torch.get_default_dtype() == torch.float32 and torch.get_default_device() == torch.device("cpu")
    assert plt.rcParams["text.usetex"] is False and not plt.get_fignums()
    assert np.geterr() == {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0 and sys.gettrace() is sys.getprofile() is None
    assert (random.random(), np.random.random(), torch.rand(1).item()) == drawn
    assert names["mine"] == 6 and not {"sum", "list"} & names.keys() and {"filter", "abs", "max"} <= names.keys()
    assert "_reset_state" not in names
    assert not shell.ask_exit()  # exit() calls it


def test_gradients_that_were_switched_off_stay_off(shell):
    """They are, in the student's notebook; `.numpy()` without `.detach()` relies on it."""
    with torch.no_grad():
        exec(RESET, {})
        assert not torch.is_grad_enabled()


def test_what_this_machine_does_not_have_is_no_error(shell, capsys):
    for _ in range(2):  # before each answer: the second time nothing is put around what is there
        exec(RESET, {})
    magics = shell.magics_manager.magics
    assert magics["line"]["timeit"]("f(3)") == magics["cell"]["timeit"]("f(3)", "x") == "-n 1 -r 1 f(3)"
    magics["line"]["matplotlib"]("qt")
    plt.switch_backend("module://no_such_backend")
    plt.rcParams["backend"] = "module://no_such_backend_either"
    assert plt.figure().canvas is not None
    said = capsys.readouterr().out
    assert "no qt here" in said and "no_such_backend" in said


def test_task_of():
    assert task_of("e01-2") == "E01.2" and task_of("e10-10") == "E10.10"
