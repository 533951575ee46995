"""The cells of a lecture in which it is the reader's turn: a function to finish, and its check below it."""

import ast
import re

from course_utils.checks import registry
from course_utils.checks.probing import load_probe
from course_utils.notebooks import BEGIN, CODE_SOLUTION, END, TURN, blanked, is_turn, joined, source, tags, task_of
from course_utils.staff.authoring.notebook_files import Notebook
from course_utils.staff.authoring.problems import Problem
from course_utils.staff.judging.registry import load_mutants

LINES = 4  # of a solution: about two are meant
WIDTH = 88  # letters in a line
POSED = "**Your turn.**"


def turn_cells(notebook: Notebook) -> list[Problem]:
    """Each has its check, which knows a mistake, a text above that poses it, and nothing below that needs it."""
    if notebook.folder != "notebooks":
        return []
    number, problems = notebook.lesson[:2], []
    known = registry.turns(number) if number in registry.lessons() else []
    there = [task_of(cell["id"]) for cell in notebook.code_cells if is_turn(cell)]
    problems += [
        notebook.problem(f"turn-{task.replace('.', '-')}", "is missing") for task in known if task not in there
    ]
    if there != sorted(there):
        problems.append(notebook.problem(None, f"the turns {', '.join(there)} are not in the order of their letters"))
    before: dict = {}
    for cell in notebook.cells:
        if is_turn(cell):
            problems += [notebook.problem(cell, text) for text in faults(notebook, cell, before, known)]
        elif cell["cell_type"] == "code" and "answer" in tags(cell):
            problems.append(notebook.problem(cell, "the id of a cell of a lecture with an answer is like turn-01-a"))
        before = cell
    return problems


def names_of(code: str) -> set[str]:
    """The names that a cell uses; none of one that is not plain Python."""
    try:
        return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    except SyntaxError:
        return set()


def faults(notebook: Notebook, cell: dict, before: dict, known: list[str]) -> list[str]:
    """What is wrong with one of them; `before` is the cell above."""
    text, task, found = source(cell), task_of(cell["id"]), []
    if TURN.fullmatch(cell["id"])[1] != notebook.lesson[:2]:  # type: ignore[index]
        found.append("its id has the number of another lesson")
    if "answer" not in tags(cell):
        found.append("needs the tag answer")
    if POSED not in source(before) or before.get("cell_type") != "markdown":
        found.append(f'the text above it says what to write, after "{POSED}"')
    if not re.fullmatch(rf'# NBVAL_CHECK_OUTPUT\n# {task}\ndef .*\n\n\ncheck\("{task}"\)', text, re.DOTALL):
        found.append(f'is # NBVAL_CHECK_OUTPUT, # {task}, a function, and check("{task}") as its last line')
    if any(len(line) > WIDTH for line in text.splitlines()):
        found.append(f"has a line of more than {WIDTH} letters, which JupyterLab cuts off beside a table of contents")
    solutions = CODE_SOLUTION.findall(text)
    if text.count(BEGIN) != 1 or text.count(END) != 1 or len(solutions) != 1:
        found.append(f"{BEGIN} and {END} stand once each, inside the function's body")
    elif len(solutions[0][1].splitlines()) > LINES:
        found.append(f"its solution has more than {LINES} lines: that is a task for the exercise")
    if task not in known:
        return [*found, f"the probe of {task} is missing: course_utils/lessons/lesson_{task[:2]}/probe.py"]
    name, mutants = load_probe(task).function, load_mutants(task[:2]).MUTANTS
    try:
        functions = [node for node in ast.parse(blanked(text)).body if isinstance(node, ast.FunctionDef)]
    except SyntaxError as error:
        return [*found, f"does not parse: {error.msg}, line {error.lineno}"]
    if [function.name for function in functions] != [name] or not ast.get_docstring(functions[0]):
        found.append(f"defines {name} and nothing else, with a docstring: what comes in, what goes out")
    if not mutants.wrong_answers.get(task):
        found.append(f"course_utils/staff/judging/lesson_{task[:2]}/mutants.py knows no mistake of {task}")
    others = [other for other in notebook.code_cells if other is not cell]
    if any(name in names_of(source(other)) for other in others):
        found.append(f"another cell needs {name}: in a reader's copy it may not be there")
    said = "".join(joined(output.get("text", "")) for output in cell.get("outputs", []))
    if said and said != f"{task} {name}: right\n":
        found.append(f"its own solution is not right: {said.strip()}")
    return found
