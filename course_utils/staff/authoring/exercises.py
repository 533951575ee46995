"""The exercise notebook that a solution notebook gives.

What stands between `### BEGIN SOLUTION` and `### END SOLUTION` becomes a stub that can be run and raises only when it
is called; in markdown (open tasks) the markers are the comments `<!-- BEGIN SOLUTION -->` and `<!-- END SOLUTION -->`.
Cells tagged `solution-only` are left out, outputs are cleared. All else is the solution's, byte for byte.
"""

import re

from course_utils.notebooks import blanked, canonical_source, lines, tags

TEXT_SOLUTION = re.compile(r"^<!-- BEGIN SOLUTION -->\n(.*?)^<!-- END SOLUTION -->$", re.MULTILINE | re.DOTALL)
TEXT_STUB = "*Your answer here.*"


def exercise(solution: dict) -> dict:
    """The exercise of a canonical solution notebook. ValueError names the cell whose markers do not pair."""
    course = solution["metadata"]["course"] | {"kind": "exercise"}
    return solution | {
        "cells": [exercise_cell(cell) for cell in solution["cells"] if "solution-only" not in tags(cell)],
        "metadata": solution["metadata"] | {"course": course},
    }


def exercise_cell(cell: dict) -> dict:
    text = canonical_source(cell)
    if cell["cell_type"] == "code":
        text = blanked(text)
        cleared = {"execution_count": None, "outputs": []}
    else:
        text = TEXT_SOLUTION.sub(TEXT_STUB, text)
        cleared = {}
    if "BEGIN SOLUTION" in text or "END SOLUTION" in text:
        raise ValueError(f"cell {cell['id']}: BEGIN SOLUTION and END SOLUTION do not pair, each alone on its line")
    return cell | cleared | {"source": lines(text)}
