"""What every notebook must keep to. A lint is a function: notebook in canonical form -> list of problems.

A new lint goes into the module of its subject and into LINTS; tests/authoring has a good and a bad example of each.
"""

from collections.abc import Callable

from course_utils.staff.authoring.lints.cards import card_list, card_numbers, card_tags
from course_utils.staff.authoring.lints.cells import (
    cell_ids,
    code_length,
    course_metadata,
    machine_traces,
    measured_cells,
)
from course_utils.staff.authoring.lints.code_style import RuffError, code_style
from course_utils.staff.authoring.lints.figures import alt_texts, html_contrast, palette_contrast
from course_utils.staff.authoring.lints.prose import (
    formulas,
    heading_levels,
    links,
    pages,
    prose_numbers,
    right_answers,
    ways_on,
)
from course_utils.staff.authoring.lints.tasks import (
    answer_cells,
    check_cells,
    complete_tasks,
    filled_in,
    known_mistakes,
    open_tasks,
    task_headers,
)
from course_utils.staff.authoring.lints.teaching import teaching_minutes, teaching_notes
from course_utils.staff.authoring.lints.turns import turn_cells
from course_utils.staff.authoring.notebook_files import Notebook
from course_utils.staff.authoring.problems import Problem

LINTS: list[Callable[[Notebook], list[Problem]]] = [
    course_metadata,
    cell_ids,
    code_length,
    machine_traces,
    measured_cells,
    heading_levels,
    prose_numbers,
    right_answers,
    formulas,
    links,
    ways_on,
    alt_texts,
    html_contrast,
    card_tags,
    card_numbers,
    card_list,
    teaching_notes,
    teaching_minutes,
    complete_tasks,
    filled_in,
    known_mistakes,
    task_headers,
    answer_cells,
    check_cells,
    open_tasks,
    turn_cells,
]

__all__ = ["LINTS", "RuffError", "code_style", "lint", "pages", "palette_contrast"]


def lint(notebook: Notebook) -> list[Problem]:
    return [problem for find in LINTS for problem in find(notebook)]
