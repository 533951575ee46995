"""Cells and metadata: ids, lengths, marks that a machine or an editor left."""

import re
from collections import Counter

from course_utils.notebooks import is_code, joined, source, tags
from course_utils.staff.authoring.notebook_files import DEVICES, KINDS, Notebook
from course_utils.staff.authoring.problems import Problem

CODE_LINES = 30
ID = re.compile(r"(?=.*[a-z]{2}|e\d\d-)[a-z][a-z0-9]*(-[a-z0-9]+)*")  # words, joined by hyphens; or a task's e01-2
MADE_UP_ID = re.compile(r"[0-9a-f]{8,}|cell-\d+")  # what an editor gives a new cell
TRACE = re.compile(r"/home/\w+|/root/|/Users/\w+|[A-Z]:\\+Users|\bat 0x[0-9a-fA-F]{6,}|<ipython-input-|/tmp/\w+")
COURSE = {"lesson": str, "kind": str, "version": str, "minutes": int, "device": str, "built_from": str}


def course_metadata(notebook: Notebook) -> list[Problem]:
    """metadata.course is complete and agrees with the notebook's place."""
    course = notebook.course
    faults = [
        f"{key} is {course.get(key)!r}, not of type {kind.__name__}"
        for key, kind in COURSE.items()
        if not isinstance(course.get(key), kind)
    ]
    for key, right in {"lesson": notebook.lesson, "kind": KINDS[notebook.folder]}.items():
        if course.get(key) != right:
            faults.append(f"{key} is {course.get(key)!r}, not {right!r}")
    if course.get("device") not in DEVICES:
        faults.append(f"device is {course.get('device')!r}, not one of {', '.join(DEVICES)}")
    return [notebook.problem(None, f"metadata.course: {fault}") for fault in faults]


def cell_ids(notebook: Notebook) -> list[Problem]:
    """Ids are unique and say what the cell is about: links, grading and reviews name cells by them."""
    ids = [cell["id"] for cell in notebook.cells]
    problems = [notebook.problem(name, "two cells have this id") for name, n in Counter(ids).items() if n > 1]
    for name in ids:
        if MADE_UP_ID.fullmatch(name) or not ID.fullmatch(name):
            problems.append(notebook.problem(name, 'give it an id in words, as in "why-order-matters"'))
    return problems


def code_length(notebook: Notebook) -> list[Problem]:
    """No code cell is empty or longer than a screen."""
    problems = []
    for cell in notebook.code_cells:
        length = len(source(cell).splitlines())
        if length > CODE_LINES:
            problems.append(notebook.problem(cell, f"{length} lines of code, at most {CODE_LINES}: split or move it"))
        elif not is_code(cell):
            problems.append(notebook.problem(cell, "an empty code cell: delete it"))
    return problems


def machine_traces(notebook: Notebook) -> list[Problem]:
    """Neither sources nor outputs hold a path or a memory address of the machine that built them."""
    problems = []
    for cell in notebook.cells:
        outputs = [text for output in cell.get("outputs", []) for text in output_texts(output)]
        for text in [source(cell), *outputs]:
            found = TRACE.search(text)
            if found:
                problems.append(notebook.problem(cell, f"a trace of one machine: {found[0]!r}"))
    return problems


def output_texts(output: dict) -> list[str]:
    """All that an output says in text: stdout, plain text, HTML, SVG."""
    if output["output_type"] == "stream":
        return [joined(output["text"])]
    return [
        joined(value)
        for mime, value in output.get("data", {}).items()
        if mime.startswith("text/") or mime == "image/svg+xml"
    ]


def measured_cells(notebook: Notebook) -> list[Problem]:
    """What is measured differs from run to run: nbval must not compare it."""
    return [
        notebook.problem(cell, "tagged measured, but compared: take out NBVAL_CHECK_OUTPUT")
        for cell in notebook.code_cells
        if "measured" in tags(cell) and "NBVAL_CHECK_OUTPUT" in source(cell)
    ]
