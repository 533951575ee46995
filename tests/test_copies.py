"""A student's copy and the newer original: what is said to be new, and that taking it loses nothing of theirs."""

import copy
import json
import random
from pathlib import Path

import nbformat
import pytest

from course_utils import copies
from course_utils.notebooks import built_from, is_answer, lines, source, tags, to_bytes
from course_utils.staff.authoring.notebook_files import canonical
from course_utils.staff.grading.intake.reading import read_notebook
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.place.graft import place

ROOT = Path(__file__).resolve().parents[1]


def text(name: str, source: str, *tags: str) -> dict:
    return {"cell_type": "markdown", "id": name, "metadata": {"tags": list(tags)} if tags else {}, "source": source}


def code(name: str, source: str, *tags: str) -> dict:
    return text(name, source, *tags) | {"cell_type": "code", "execution_count": None, "outputs": []}


def task(number: int) -> list[dict]:
    hint = f"<details><summary>Help: it is 0</summary>hint {number}</details>"
    name = f"e01-{number}"
    stub = f"# E01.{number}\ndef f{number}():\n    # YOUR CODE HERE\n    raise NotImplementedError"
    return [
        text(f"{name}-task", f"### E01.{number} A task\n\nWhat is {number}?\n\n{hint}"),
        code(f"{name}-given", f"given = {number}", "given"),
        code(name, stub, "answer"),
        code(f"{name}-check", f'check("E01.{number}")', "check"),
    ]


def exercise() -> dict:
    cells = [text("title", "# Exercise 01\n\nWelcome."), code("setup", "import math", "setup"), *task(1), *task(2)]
    cells += [text("e01-3-task", "### E01.3 Why?"), text("e01-3", "*Your answer here.*", "answer")]
    cells += [text("after", "## When you are done\n\nGo on.")]
    return notebook(cells, "exercise")


def lecture() -> dict:
    cells = [text("title", "# 01 · Chains\n\nFor you."), code("setup", "from old import f", "setup")]
    cells += [text("one", "## First\n\nA formula: $p$."), code("guess", 'predict("x", guess="")'), code("two", "f(2)")]
    cells += [text("more", "## Second\n\nMore."), code("three", "f(3)")]
    return notebook(cells, "lecture")


def notebook(cells: list[dict], kind: str) -> dict:
    made = {"cells": cells, "metadata": {"course": {"kind": kind}}, "nbformat": 4, "nbformat_minor": 5}
    made["metadata"]["course"]["built_from"] = built_from(made)
    return made


def cell(content: dict, name: str) -> dict:
    return next(cell for cell in content["cells"] if cell["id"] == name)


def changed(original: dict, **sources: str | None) -> dict:
    """The next version: other sources by cell id ("e01_1_task" for "e01-1-task"), None for cells that are taken out."""
    new = copy.deepcopy(original)
    for name, value in sources.items():
        cell(new, name.replace("_", "-"))["source"] = value
    new["cells"] = [one for one in new["cells"] if one["source"] is not None]
    new["metadata"]["course"]["built_from"] = built_from(new)
    return new


def without_memory(content: dict) -> dict:
    """As version 1.0.0 made its copies."""
    content = copy.deepcopy(content)
    del content["metadata"]["course"]["given"]
    return content


def told(content: dict) -> list[str]:
    return ["".join(cell["source"]) for cell in content["cells"]]


HINT = "### E01.1 A task\n\nWhat is 1?\n\n<details><summary>Help: it is 0</summary>another</details>"
TEXT = source(task(1)[0]).replace("What is 1", "What is $1^1$")
BOTH = HINT.replace("What is 1", "How much is 1")


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({}, ""),
        ({"e01_1_task": TEXT}, "text of E01.1"),
        ({"e01_1_task": HINT}, "hint in E01.1"),
        ({"e01_1_task": BOTH}, "text of E01.1, hint in E01.1"),
        ({"e01_1_given": "given = 7", "e01_2": "# E01.2\ndef f2(x): ..."}, "code of E01.1 and E01.2"),
        ({"e01_3": "*In 150 words.*"}, "text of E01.3"),
        ({"e01_2_task": None, "e01_2": None, "e01_2_check": None, "e01_2_given": None}, "taken out: E01.2"),
        ({"e01_2_given": None}, "code of E01.2"),
        ({"after": "## When you are done\n\nRest."}, 'prose in "When you are done"'),
        (
            {"title": "# Exercise 01\n\nHello.", "setup": "import cmath"},
            "prose in the introduction, code in the set-up",
        ),
        ({"after": None}, "prose taken out"),
        ({"after": "## When you are done\r\n\r\nGo on.\n"}, ""),  # what editors change
    ],
)
def test_what_is_new_in_an_exercise_is_told_by_kind(sources, expected):
    old = exercise()
    new = changed(old, **sources)
    assert copies.news(copies.copied(old), new) == expected
    assert copies.news(copies.copied(new), new) == ""
    assert (copies.edition(old) == copies.edition(new)) == (not expected)


def test_a_new_task_and_a_picture_are_told():
    old, new = exercise(), exercise()
    new["cells"][-3:-3] = task(4)
    assert copies.news(copies.copied(old), new) == "new: E01.4"
    assert copies.news(without_memory(copies.copied(old)), new) == "new: E01.4"
    cell(new := exercise(), "e01-2-task")["attachments"] = {"x.png": {"image/png": "AA=="}}
    assert copies.news(copies.copied(old), new) == "text of E01.2"


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({}, ""),
        ({"one": "## First\n\nA formula: $q$."}, 'prose in "First"'),
        ({"two": "f(22)", "more": "## Second\n\nLess."}, 'code in "First", prose in "Second"'),
        ({"setup": "from new import f"}, "code in the set-up"),
    ],
)
@pytest.mark.parametrize("remembers", [True, False])
def test_what_is_new_in_a_lecture_is_told_and_not_what_the_student_changed(sources, expected, remembers):
    yours = copies.copied(lecture())
    cell(yours, "guess")["source"] = 'predict("x", guess="B")'
    cell(yours, "three")["source"] = "f(333)"
    cell(yours, "title")["source"] = "# 01 · Chains\n\nFor you.\n\nMy own note."
    yours["cells"].insert(4, code("mine", "f(4)"))
    yours = yours if remembers else without_memory(yours)
    new = changed(lecture(), **sources)
    assert copies.news(yours, new) == expected
    content, notes = copies.renewed(yours, new)
    assert notes == [] and cell(content, "mine")["source"] == "f(4)"
    for name in ("guess", "three", "title"):
        assert cell(content, name)["source"] == cell(yours, name)["source"]
    for name in ("setup", "one", "two", "more"):
        assert cell(content, name)["source"] == cell(new, name)["source"]
    assert copies.news(content, new) == "" and not copies.is_renewed(content, copies.renewed(content, new)[0])


def test_answers_own_cells_and_their_outputs_stay_and_the_text_is_new():
    yours = copies.copied(exercise())
    output = {"name": "stdout", "output_type": "stream", "text": ["1"]}
    cell(yours, "e01-1").update(source="# E01.1\ndef f1():\n    return 1", outputs=[output], execution_count=3)
    cell(yours, "e01-1-given")["outputs"] = cell(yours, "e01-2-given")["outputs"] = [output]
    cell(yours, "e01-3")["source"] = "Because."
    yours["cells"].insert(3, text("note", "I do not see this"))
    yours["cells"].insert(6, code("helper", "helper = 1"))
    yours["metadata"]["kernelspec"] = {"name": "mine"}
    content, notes = copies.renewed(yours, changed(exercise(), e01_1_task=TEXT, e01_2_given="given = 3"))
    names = [cell["id"] for cell in content["cells"]]
    assert names == [cell["id"] for cell in yours["cells"]] and notes == []
    assert cell(content, "e01-1-task")["source"] == TEXT
    assert cell(content, "e01-1") == cell(yours, "e01-1") and cell(content, "e01-3")["source"] == "Because."
    assert cell(content, "e01-1-given")["outputs"] == [output] and cell(content, "e01-2-given")["outputs"] == []
    assert content["metadata"]["kernelspec"] == {"name": "mine"}


def test_an_untouched_stub_becomes_the_new_one_and_an_answer_does_not():
    yours = copies.copied(exercise())
    cell(yours, "e01-1")["source"] = answer = "# E01.1\ndef f1():\n    return 1"
    stubs = {f"e01_{n}": f"# E01.{n}\ndef f{n}(x):\n    raise NotImplementedError" for n in (1, 2)}
    content, notes = copies.renewed(yours, changed(exercise(), **stubs))
    assert cell(content, "e01-1")["source"] == answer and cell(content, "e01-2")["source"] == stubs["e01_2"]
    assert len(notes) == 1 and "E01.1" in notes[0] and "your answer stays" in notes[0]


def test_where_both_changed_a_cell_both_stand():
    yours = copies.copied(exercise())
    cell(yours, "setup")["source"] = "import math, re"
    cell(yours, "after")["source"] = "my notes"
    content, notes = copies.renewed(yours, changed(exercise(), setup="import cmath", after="## After"))
    sources = told(content)
    at, below = sources.index("import cmath"), sources.index("## After")
    assert sources[at + 1].endswith("\nimport math, re") and sources[at + 1].startswith("# Your version")
    assert "raises-exception" in tags(content["cells"][at + 1])
    assert sources[below + 1].endswith("my notes") and len(notes) == 2
    cell(yours, "setup")["source"] = "%%time\nimport math"  # a magic has to be the first line
    assert "%%time\nimport math" in told(copies.renewed(yours, changed(exercise(), setup="import cmath"))[0])


def test_an_answer_without_a_task_or_in_another_cell_is_not_lost():
    yours = copies.copied(exercise())
    cell(yours, "e01-2")["source"] = second = "# E01.2\ndef f2():\n    return 2"
    gone = dict.fromkeys(("e01_2_task", "e01_2", "e01_2_check", "e01_2_given"))
    content, notes = copies.renewed(yours, changed(exercise(), **gone))
    assert told(content).count(second) == 1 and "What is 2?" not in "".join(told(content))
    assert len(notes) == 1 and "E01.2 is no longer" in notes[0]

    renamed = copies.copied(exercise())  # the cell deleted and written anew, with nothing that says whose it is
    renamed["cells"][renamed["cells"].index(cell(renamed, "e01-1"))] = code("xyz", "def f1():\n    return 1")
    content, _ = copies.renewed(renamed, changed(exercise(), e01_1_task=TEXT))
    assert cell(content, "e01-1")["source"] == "def f1():\n    return 1" and is_answer(cell(content, "e01-1"))
    assert "raise" not in "".join(told(content)).partition("E01.2 A task")[0]

    over = copies.copied(exercise())  # an answer written into the check
    cell(over, "e01-1-check")["source"] = "def f1():\n    return 1"
    content, _ = copies.renewed(over, changed(exercise(), e01_1_task=TEXT))
    sources = told(content)
    at = sources.index("def f1():\n    return 1")
    assert sources[at + 1] == 'check("E01.1")' and "raise NotImplementedError" in sources[at - 1]


def test_of_doubles_the_one_that_counts_is_the_answer_and_the_others_stay():
    yours = copies.copied(exercise())
    cell(yours, "e01-1")["metadata"]["nbgrader"] = {"grade_id": "e01-1"}
    first, stub = copy.deepcopy(cell(yours, "e01-1")), copy.deepcopy(cell(yours, "e01-1"))
    cell(yours, "e01-1")["source"] = "# E01.1\ndef f1():\n    return 1"
    at = yours["cells"].index(cell(yours, "e01-1"))
    yours["cells"][at:at] = [first | {"id": "x", "source": "# E01.1\ndef f1():\n    return 0"}]
    yours["cells"][at + 2 : at + 2] = [stub | {"id": "y"}]  # of another version of the stub, too, this is no answer
    open_question = yours["cells"].index(cell(yours, "e01-3"))
    yours["cells"].insert(open_question, cell(yours, "e01-3") | {"source": "First thought."})
    yours["cells"][open_question + 1]["source"] = "Second thought."
    new = changed(exercise(), e01_1="# E01.1\ndef f1(x):\n    raise NotImplementedError")
    content, _ = copies.renewed(yours, new)
    sources = told(content)
    assert (
        cell(content, "e01-1")["source"].endswith("return 1") and cell(content, "e01-3")["source"] == "Second thought."
    )
    assert sources.index("# E01.1\ndef f1():\n    return 0") == sources.index(cell(content, "e01-1")["source"]) - 1
    assert "First thought." in sources and "NotImplementedError" not in "".join(sources[: at + 3])
    assert [one["id"] for one in content["cells"] if one["metadata"].get("nbgrader")] == ["e01-1"]
    assert [one["id"] for one in content["cells"] if "answer" in tags(one)] == ["e01-1", "e01-2", "e01-3"]


def test_what_ran_before_an_answer_stands_before_it_whatever_the_order_was():
    yours = copies.copied(exercise())
    second = cell(yours, "e01-2")
    yours["cells"].remove(second)
    yours["cells"][2:2] = [second, code("helper", "helper = 1")]
    cell(yours, "e01-1")["source"] = "# E01.1\ndef f1():\n    return helper"
    content, _ = copies.renewed(yours, changed(exercise(), e01_1_task=TEXT))
    names = [cell["id"] for cell in content["cells"]]
    assert names.index("helper") < names.index("e01-1") < names.index("e01-2")


def test_of_a_copy_that_does_not_remember_nothing_is_said_that_nobody_can_know():
    yours = without_memory(copies.copied(exercise()))
    cell(yours, "e01-1-given")["source"] = "given = 7"
    new = changed(exercise(), e01_2_task=source(task(2)[0]).replace("What", "How much"))
    new["metadata"]["course"]["built_from"] = "of another solution"
    assert copies.news(yours, new) == "text of E01.2"
    content, notes = copies.renewed(yours, new)
    assert "given = 1" in told(content) and "given = 7" in "".join(told(content)) and len(notes) == 1


def test_ids_that_a_program_dropped_do_no_harm():
    yours = copies.copied(exercise())
    cell(yours, "e01-1")["source"] = "# E01.1\ndef f1():\n    return 1"
    for one in yours["cells"]:
        del one["id"]
    new = changed(exercise(), e01_1_task=TEXT)
    content, _ = copies.renewed(yours, new)
    assert [one["id"] for one in content["cells"]] == [one["id"] for one in new["cells"]]
    assert cell(content, "e01-1")["source"].endswith("return 1") and cell(content, "e01-1-task")["source"] == TEXT


# --- whatever a student does ------------------------------------------------------------------------------------------


def a_students_copy(original: dict, solution: dict, draw: random.Random) -> tuple[dict, list[str]]:
    """A copy in which somebody has worked, not always neatly; and the sources that they wrote."""
    yours = json.loads(to_bytes(copies.copied(original)))
    cells, written = yours["cells"], []
    solved = {cell["id"]: source(cell) for cell in solution["cells"]}
    for number, one in enumerate(cell for cell in list(cells) if "answer" in tags(cell)):
        if draw.random() < 0.4:
            continue
        one["source"] = f"{solved[one['id']] if one['cell_type'] == 'code' else 'An answer.'}\n# mark {number}"
        match draw.randrange(10):
            case 0:
                one["id"] = f"renamed-{number}"
            case 1:
                one["metadata"] = {}
            case 2:
                one["source"] = source(one).partition("\n")[2]  # without its marker line
        written.append(source(one))
    for number in range(draw.randrange(6)):
        own = draw.choice([code, text])(f"own{number}", f"own = {number}")
        cells.insert(draw.randrange(len(cells) + 1), own)
        written.append(own["source"])
    for number in range(draw.randrange(4)):
        one = draw.choice(cells)
        if source(one) in written:
            continue
        if draw.random() < 0.5:
            cells.remove(one)
        else:
            one["source"] = f"{source(one)}\n# edit {number}"
            written.append(source(one))
    if draw.random() < 0.3:
        again = copy.deepcopy(draw.choice(cells)) | {"id": "again"}
        cells.insert(draw.randrange(len(cells) + 1), again)
    if draw.random() < 0.3:
        draw.shuffle(cells)
    if draw.random() < 0.1:
        for one in cells:
            one.pop("id")
    return yours, written


def a_newer_version(original: dict, draw: random.Random) -> dict:
    new = json.loads(to_bytes(original))
    for one in new["cells"]:
        if draw.random() < 0.2 and "check" not in tags(one):
            one["source"] = lines(source(one) + ("\n# new" if one["cell_type"] == "code" else "\n\nNew."))
    if draw.random() < 0.3:
        gone = draw.choice([one["id"] for one in new["cells"] if "answer" in tags(one)])
        new["cells"] = [one for one in new["cells"] if one["id"] != gone and not one["id"].startswith(f"{gone}-")]
    return new


@pytest.mark.parametrize("seed", range(40))
def test_whatever_a_student_did_nothing_is_lost_and_the_same_answers_count(seed):
    draw = random.Random(seed)
    known = pristine.load(draw.choice(pristine.names(ROOT)), ROOT)
    original = json.loads((ROOT / "exercises" / f"{known.name}.ipynb").read_text(encoding="utf-8"))
    yours, written = a_students_copy(original, known.solution, draw)
    new = a_newer_version(original, draw)
    content, _ = copies.renewed(yours, new)

    everything = "\n\n".join(told(content))
    assert [text for text in written if text.strip() not in everything] == []
    ours = [one["id"] for one in new["cells"]]
    assert [one["id"] for one in content["cells"] if one["id"] in ours] == ours
    nbformat.validate(json.loads(to_bytes(content)))
    before = place(known.solution, read_notebook(to_bytes(yours)), known.stubs).answers
    after = place(known.solution, read_notebook(to_bytes(content)), known.stubs).answers
    assert {name: before[name] for name in before if name in ours} == {
        name: after[name] for name in before if name in ours
    }
    assert copies.news(content, new) == "" and not copies.is_renewed(content, copies.renewed(content, new)[0])


# --- a lecture in which it is the reader's turn -----------------------------------------------------------------------

TURN = """# NBVAL_CHECK_OUTPUT
# 01.a
def twice(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


check("01.a")"""
GAP = """# 01.a
def twice(x):
    # YOUR CODE HERE
    raise NotImplementedError


check("01.a")"""


def lecture_with_a_turn(text: str = TURN) -> dict:
    made = lecture()
    made["cells"][4:4] = [code("turn-01-a", text, "answer")]
    return notebook(made["cells"], "lecture")


def test_a_copy_of_a_lecture_has_a_gap_and_nothing_that_is_for_the_tests():
    original = lecture_with_a_turn()
    cell(original, "two")["source"] = "# NBVAL_CHECK_OUTPUT\nf(2)"
    yours = copies.copied(original)
    assert source(cell(yours, "turn-01-a")) == GAP and source(cell(yours, "two")) == "f(2)"
    assert copies.news(yours, original) == "" and not copies.is_renewed(yours, copies.renewed(yours, original)[0])


def test_what_is_for_instructors_is_not_in_a_copy():
    original = lecture()
    original["cells"].append(text("cards", "## Cards covered", "for-instructors"))
    old = copies.copied(original | {"cells": [one | {"metadata": {}} for one in original["cells"]]})
    yours = copies.copied(original)
    assert "cards" in [one["id"] for one in old["cells"]] and "cards" not in [one["id"] for one in yours["cells"]]
    assert copies.news(yours, original) == "" == copies.news(old, original)
    assert "cards" not in [one["id"] for one in copies.renewed(old, original)[0]["cells"]]


def test_the_students_own_line_stays_when_the_lecture_changes():
    yours = copies.copied(lecture_with_a_turn())
    mine = GAP.replace("# YOUR CODE HERE\n    raise NotImplementedError", "return x + x")
    cell(yours, "turn-01-a")["source"] = lines(mine)
    new = changed(lecture_with_a_turn(), two="f(22)")
    assert copies.news(yours, new) == 'code in "First"'
    content, notes = copies.renewed(yours, new)
    assert source(cell(content, "turn-01-a")) == mine and source(cell(content, "two")) == "f(22)" and notes == []

    new = changed(lecture_with_a_turn(), turn_01_a=TURN.replace("(x)", "(x: float)"))
    content, notes = copies.renewed(yours, new)
    assert source(cell(content, "turn-01-a")) == mine
    assert notes == ["01.a: the cell that you were given has changed; your answer stays"]
    untouched, notes = copies.renewed(copies.copied(lecture_with_a_turn()), new)
    assert "x: float" in source(cell(untouched, "turn-01-a")) and "2 * x" not in "".join(told(untouched))


def test_a_copy_from_before_there_was_a_turn_gets_it_blank():
    for yours in (copies.copied(lecture()), without_memory(copies.copied(lecture()))):
        content, _ = copies.renewed(yours, lecture_with_a_turn())
        assert source(cell(content, "turn-01-a")) == GAP


def test_a_copy_that_still_says_something_to_the_tests_is_not_told_of_that():
    original = changed(exercise(), e01_1_check='# NBVAL_CHECK_OUTPUT\ncheck("E01.1")')
    old = copy.deepcopy(original)  # as copies were made before
    assert copies.news(old, original) == ""
    assert copies.news(copies.copied(original), original) == ""


def test_an_author_who_works_in_a_copy_does_not_publish_what_it_remembers():
    assert "given" not in canonical(copies.copied(exercise()))["metadata"]["course"]
