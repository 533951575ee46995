"""Tasks: their header, their answer cell, their check cell (solutions; exercises follow from them)."""

import ast
import re

from course_utils.checks.probing import load_probe
from course_utils.checks.registry import lessons, tasks
from course_utils.notebooks import BEGIN, END, blanked, joined, source, tags
from course_utils.staff.authoring.exercises import TEXT_SOLUTION
from course_utils.staff.authoring.notebook_files import Notebook
from course_utils.staff.authoring.problems import Problem
from course_utils.staff.judging.registry import load_mutants, max_points

ANSWER_ID = re.compile(r"e(\d\d)-(\d+)")
EFFORT = re.compile(
    r"^Difficulty [●○]{3} · Importance [●○]{3} · (?P<minutes>\d+) minutes? · "
    r"((?P<points>\d+) points?|open question, marked by a person)$",
    re.MULTILINE,
)
REREAD = re.compile(r"^Reread: \[[^\]]+\]\(\.\./\w+\.ipynb#[^)\s]+\)$", re.MULTILINE)
TEMPLATE = re.compile(
    r'^(?:### E\S+ |\* |<details><summary>Help: |\s*"""|)\*[^*\n]+\*(?=$|</summary>|""")', re.MULTILINE
)
MISTAKES = 2
HELP = re.compile(r"<details><summary>\s*\S.*?</summary>\s*\S.*?</details>", re.DOTALL)


def complete_tasks(notebook: Notebook) -> list[Problem]:
    """Every task that the checks know has its header, answer and check cell."""
    number = notebook.lesson[:2]
    if notebook.folder != "solutions" or number not in lessons():
        return []
    ids = {cell["id"] for cell in notebook.cells}
    wanted = [cell_id(task) + suffix for task in tasks(number) for suffix in ("-task", "", "-check")]
    return [notebook.problem(name, "is missing") for name in wanted if name not in ids]


def task_headers(notebook: Notebook) -> list[Problem]:
    """Difficulty, importance, minutes, points that agree with the judge, the contract as a list, help by symptom."""
    problems = []
    for cell in notebook.markdown_cells:
        if notebook.folder == "solutions" and cell["id"].endswith("-task"):
            problems += [notebook.problem(cell, text) for text in header_faults(cell)]
    return problems


def header_faults(cell: dict) -> list[str]:
    text, task = source(cell), task_id(cell["id"].removesuffix("-task"))
    effort, faults = EFFORT.search(text), []
    if not re.match(rf"#{{2,3}} {task} \S", text):
        faults.append(f'its first line is the heading "{task}" and a title')
    if not effort:
        faults.append('needs the line "Difficulty ●○○ · Importance ●●● · 5 minutes · 2 points"')
    elif effort["points"]:
        points = points_of(task)
        if points is not None and float(effort["points"]) != points:
            faults.append(f"says {effort['points']} points, the judge gives {points:g}")
        if not HELP.search(text):
            faults.append("needs <details><summary>Help: the symptom</summary> with a hint")
    if not REREAD.search(text):
        faults.append('needs the line "Reread: [A section](../01_chain_rule.ipynb#A-section)", of its lecture')
    if not re.search(r"^[*-] ", text, re.MULTILINE):
        faults.append("needs the contract as a list")
    return faults


def answer_cells(notebook: Notebook) -> list[Problem]:
    """First line, function with docstring, markers inside its body, nbgrader's metadata."""
    problems = []
    for cell in notebook.code_cells:
        if notebook.folder == "solutions" and ("answer" in tags(cell) or ANSWER_ID.fullmatch(cell["id"])):
            problems += [notebook.problem(cell, text) for text in answer_faults(cell)]
    return problems


def answer_faults(cell: dict) -> list[str]:
    text, task, faults = source(cell), task_id(cell["id"]), []
    if not task:
        return ["the id of an answer cell looks like e01-2"]
    if "answer" not in tags(cell):
        faults.append("needs the tag answer")
    if not text.startswith(f"# {task}\n"):
        faults.append(f'its first line is "# {task}"')
    faults += grading_faults(cell, solution=True, grade=False)
    try:
        functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    except SyntaxError as error:
        return [*faults, f"does not parse: {error.msg}, line {error.lineno}"]
    name = function_of(task)
    asked = [function for function in functions if name in (None, function.name)]
    if not asked:
        return [*faults, f"defines no function {name or ''}".rstrip()]
    if not any(map(ast.get_docstring, asked)):
        faults.append("its function needs a docstring: what comes in, what goes out")
    if not 1 <= text.count(BEGIN) == text.count(END) <= len(functions) or not leaves_a_stub(text):
        faults.append(f"{BEGIN} and {END} stand once each, inside the function's body (in each body, if there are two)")
    return faults


def leaves_a_stub(answer: str) -> bool:
    """Whether the exercise's version of the answer parses and raises inside a function, not at the top."""
    try:
        body = ast.parse(blanked(answer)).body
    except SyntaxError:
        return False
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    return any(isinstance(node, ast.Raise) for function in functions for node in ast.walk(function))


def check_cells(notebook: Notebook) -> list[Problem]:
    """A check cell is exactly the marker and the call, with the judge's points in nbgrader's metadata."""
    problems = []
    for cell in notebook.code_cells:
        if notebook.folder == "solutions" and (cell["id"].endswith("-check") or "check" in tags(cell)):
            problems += [notebook.problem(cell, text) for text in check_faults(cell)]
    return problems


def check_faults(cell: dict) -> list[str]:
    task = task_id(cell["id"].removesuffix("-check"))
    if not task or not cell["id"].endswith("-check"):
        return ["the id of a check cell looks like e01-2-check"]
    faults = [] if "check" in tags(cell) else ["needs the tag check"]
    if source(cell) != f'# NBVAL_CHECK_OUTPUT\ncheck("{task}")':
        faults.append(f'its source is the two lines # NBVAL_CHECK_OUTPUT and check("{task}")')
    faults += grading_faults(cell, solution=False, grade=True, locked=True)
    stored, points = cell["metadata"].get("nbgrader", {}).get("points"), points_of(task)
    if points is not None and stored != points:
        faults.append(f"metadata.nbgrader.points is {stored}, the judge gives {points:g}")
    given = [joined(output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", [])]
    if points is not None and any(value and value != f"{points}" for value in given):
        faults.append(f"gives the solution {given[-1]} of {points:g} points")
    return faults


def filled_in(notebook: Notebook) -> list[Problem]:
    """A task's header and answer say nothing of what `course new-lesson --task` puts in their place."""
    return [
        notebook.problem(cell, f"still says what the template says: {found[0]!r}")
        for cell in (notebook.cells if notebook.folder == "solutions" else [])
        if task_id(cell["id"].removesuffix("-task"))
        for found in [TEMPLATE.search(source(cell))]
        if found
    ]


def known_mistakes(notebook: Notebook) -> list[Problem]:
    """For every task there are mistakes and an unusual right answer: else nothing shows that its judge is any good."""
    problems = []
    for cell in notebook.code_cells if notebook.folder == "solutions" else []:
        task = task_id(cell["id"])
        if task and is_graded(task):
            mutants = load_mutants(task[1:3]).MUTANTS
            file = f"course_utils/staff/judging/lesson_{task[1:3]}/mutants.py"
            if len(mutants.wrong_answers.get(task, [])) < MISTAKES or not mutants.right_answers.get(task):
                fault = f"{file} needs {MISTAKES} mistakes of {task} at least, and an unusual right answer"
                problems.append(notebook.problem(cell, fault, "write them there"))
    return problems


def open_tasks(notebook: Notebook) -> list[Problem]:
    """An open task's answer is markdown: what a student replaces stands between comments, a person gives the points."""
    problems = []
    for cell in notebook.markdown_cells:
        if notebook.folder == "solutions" and ANSWER_ID.fullmatch(cell["id"]):
            faults = grading_faults(cell, solution=True, grade=True)
            if not TEXT_SOLUTION.search(source(cell)):
                faults.append("put the model answer between <!-- BEGIN SOLUTION --> and <!-- END SOLUTION -->")
            if not cell["metadata"].get("nbgrader", {}).get("points"):
                faults.append("needs metadata.nbgrader.points, what a person can give")
            problems += [notebook.problem(cell, text) for text in faults]
    return problems


def grading_faults(cell: dict, **wanted: bool) -> list[str]:
    """What nbgrader (schema 3) would misread."""
    metadata = cell["metadata"].get("nbgrader", {})
    required = {"grade_id": cell["id"], "schema_version": 3, **wanted}
    wrong = [f"{key} = {value!r}" for key, value in required.items() if metadata.get(key) != value]
    return [f"metadata.nbgrader needs {', '.join(wrong)}"] if wrong else []


def cell_id(task: str) -> str:
    """cell_id("E01.2") is "e01-2"."""
    return task.lower().replace(".", "-")


def task_id(name: str) -> str | None:
    """task_id("e01-2") is "E01.2"; None for any other cell id."""
    found = ANSWER_ID.fullmatch(name)
    return f"E{found[1]}.{found[2]}" if found else None


def is_graded(task: str | None) -> bool:
    """Whether the checks know this task."""
    number = (task or "")[1:3]
    return number in lessons() and task in tasks(number)


def points_of(task: str | None) -> float | None:
    """The judge's points; None for a task that the checks do not know."""
    return max_points(task) if task and is_graded(task) else None


def function_of(task: str | None) -> str | None:
    """The name of the function that the task asks for; None for a task that the checks do not know."""
    return load_probe(task).function if task and is_graded(task) else None
