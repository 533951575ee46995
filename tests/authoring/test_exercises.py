"""Solution -> exercise."""

import ast

import pytest

from course_utils.notebooks import source
from course_utils.staff.authoring.exercises import exercise


def exercised(make, *cells) -> dict:
    return exercise(make.notebook(*cells, folder="solutions").content)


def test_the_solution_becomes_a_stub_with_its_indentation(make):
    result = exercised(make, *make.answer_and_check())
    header, answer, check = result["cells"]
    stub = '# E90.1\ndef half(x):\n    """Half of x, a float."""\n    # YOUR CODE HERE\n    raise NotImplementedError'
    assert source(answer) == stub
    assert source(header) == make.HEADER and source(check) == make.CHECK
    assert answer["metadata"]["nbgrader"]["solution"] and check["metadata"]["nbgrader"]["points"] == 1
    assert result["metadata"]["course"]["kind"] == "exercise"
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in (answer, check))


def test_nested_bodies_and_several_regions(make):
    text = (
        "class A:\n    def f(self):\n        ### BEGIN SOLUTION\n        if 1:\n            return 2\n\n"
        "        ### END SOLUTION\n\n\ndef g():\n    x = 1\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
    )
    result = source(exercised(make, make.code("two-holes", text))["cells"][0])
    assert result == (
        "class A:\n    def f(self):\n        # YOUR CODE HERE\n        raise NotImplementedError\n\n\n"
        "def g():\n    x = 1\n    # YOUR CODE HERE\n    raise NotImplementedError"
    )
    ast.parse(result)


def test_open_answers_and_cells_of_the_solution_only(make):
    text = "Before.\n\n<!-- BEGIN SOLUTION -->\nThe answer.\n<!-- END SOLUTION -->\n\nAfter."
    cells = exercised(make, make.md("e90-2", text), make.md("remark", "Secret.", ("solution-only",)))["cells"]
    assert [source(cell) for cell in cells] == ["Before.\n\n*Your answer here.*\n\nAfter."]


@pytest.mark.parametrize(
    "body",
    [
        "    ### BEGIN SOLUTION\n    return 1",
        "    return 1\n    ### END SOLUTION",
        "    ### BEGIN SOLUTION\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n    ### END SOLUTION",
        "    return 1  ### BEGIN SOLUTION\n    ### END SOLUTION",
        "    ###BEGIN SOLUTION\n    return 1\n    ### END SOLUTION",
    ],
)
def test_markers_that_do_not_pair_are_refused(make, body):
    with pytest.raises(ValueError, match="e90-1.*do not pair"):
        exercised(make, make.code("e90-1", f"def f():\n{body}"))


def test_the_solution_is_not_changed(make):
    solution = make.notebook(*make.answer_and_check(), folder="solutions").content
    before = repr(solution)
    exercise(solution)
    assert repr(solution) == before
