"""A student's copy of a notebook and the course's original: what is new in the original, and how the copy takes it.

A copy remembers, in `metadata.course.given`, a digest of each cell as the course gave it. By this, what the course has
changed since is told from what the student has changed. Pure functions on the JSON of notebooks.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Container
from itertools import combinations, count

from course_utils.answers import defining_cell, find_answer, grade_id, normal, same_code
from course_utils.notebooks import (
    DETAILS,
    FOR_INSTRUCTORS,
    NBVAL,
    blanked,
    built_from,
    canonical_source,
    is_answer,
    is_turn,
    lines,
    source,
    tags,
    task_of,
    without_outputs,
)

TASK = re.compile(r"(e\d\d-\d+)(?:-|$)")  # in the id of a cell of an exercise
HEADING = re.compile(r"(#{1,6}) +(.+)")
CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
START = "the introduction"  # what stands below a notebook's title
YOURS = {
    "code": "# Your version of the cell above, from before the course changed it.\n",
    "markdown": "*Your version of the text above, from before the course changed it:*\n\n",
    "raw": "",
}
MOST_CHANGED = 2  # so many cells of a lecture's code are tried as those that the course has changed


def copied(original: dict) -> dict:
    """The copy that a student gets: cells as `handed_out`, and what they were given."""
    cells = handed_out(original)
    given = {cell["id"]: digest(cell) for cell in cells if cell.get("id")}
    return original | {
        "cells": cells,
        "metadata": original.get("metadata", {}) | {"course": _course(original) | {"given": given}},
    }


def handed_out(original: dict) -> list[dict]:
    """The cells of a notebook as a student gets them: without outputs, without what is said to the tests and to
    instructors, and with a stub in the cells of a lecture in which it is their turn."""
    return [_handed_out(cell) for cell in original["cells"] if FOR_INSTRUCTORS not in tags(cell)]


def _handed_out(cell: dict) -> dict:
    if cell["cell_type"] != "code":
        return cell
    given = canonical_source(cell)
    text = NBVAL.sub("", blanked(given) if is_turn(cell) else given)
    return without_outputs(cell) | ({"source": lines(text)} if text != given else {})


def digest(cell: dict) -> str:
    """Of what a reader of a cell sees, hints apart: "m<text>.<hints>" for markdown, "c<code>" for code."""
    code = cell["cell_type"] == "code"
    text = normal(NBVAL.sub("", canonical_source(cell))) if code else canonical_source(cell)
    hints = "" if code else "".join(found[0] for found in DETAILS.finditer(text))
    if hints:
        text = DETAILS.sub("", text)
    if cell.get("attachments"):
        text += json.dumps(cell["attachments"], sort_keys=True)
    return cell["cell_type"][0] + ".".join(map(_short_hash, [text, hints] if hints else [text]))


def edition(original: dict) -> str:
    """A digest of all that there is to read in a notebook."""
    return _short_hash(" ".join([*map(digest, original["cells"]), _code(original)]))


# --- what is new ------------------------------------------------------------------------------------------------------


def news(copy: dict, original: dict) -> str:
    """One line: what the original has that the copy was not given, by kind; "" where there is nothing."""
    given, exercise = given_to(copy, original), _is_exercise(original)
    found: dict[str, list[str]] = defaultdict(list)
    section = START
    for cell in handed_out(original):
        if cell["cell_type"] == "markdown" and (heading := HEADING.match(source(cell))):
            section = START if len(heading[1]) == 1 else f'"{heading[2]}"'
        name, now = cell.get("id", ""), digest(cell)
        was = given.get(name, "")
        answer = TASK.match(name) if exercise else None
        if not name or was in (None, now):
            continue
        if answer is None:
            place = "the set-up" if "setup" in tags(cell) else section
            found["code in" if cell["cell_type"] == "code" else "prose in"].append(place)
        elif answer[1] not in given:
            found["new:"].append(task_of(answer[1]))
        elif cell["cell_type"] == "code":
            found["code of"].append(task_of(answer[1]))
        else:
            (old_text, _, old_hints), (text, _, hints) = was.partition("."), now.partition(".")
            if text != old_text:
                found["text of"].append(task_of(answer[1]))
            if hints != old_hints:
                found["hint in"].append(task_of(answer[1]))
    ours = {cell.get("id") for cell in original["cells"]}
    for name in sorted(given.keys() - ours, key=lambda name: (len(name), name)):
        answer = TASK.match(name) if exercise else None
        if answer is None:
            found["code taken out" if str(given[name]).startswith("c") else "prose taken out"] = [""]
        elif answer[1] == name:
            found["taken out:"].append(task_of(name))
        elif answer[1] in ours:
            found["code of" if str(given[name]).startswith("c") else "text of"].append(task_of(answer[1]))
    told = ", ".join(f"{kind} {_listed(places)}".rstrip() for kind, places in found.items())
    # the order of cells, or blank lines
    return told or ("code" if _code_differs(copy, original) else "")


def _listed(places: list[str], most: int = 3) -> str:
    """ "A, B and C"; of more than `most` the first, and how many more there are."""
    places = list(dict.fromkeys(places))
    if len(places) > most:
        places = [*places[: most - 1], f"{len(places) - most + 1} more"]
    return " and ".join(filter(None, [", ".join(places[:-1]), places[-1]]))


def given_to(copy: dict, original: dict) -> dict[str, str | None]:
    """The digests of the cells that a copy was made from, by id; None where it cannot be known.

    A copy that does not remember (made by version 1.0.0, or saved by a program that drops it) is compared with the
    original: a text that differs counts as the course's change, code by what `built_from` says.
    """
    recorded = _course(copy).get("given")
    if isinstance(recorded, dict) and all(isinstance(value, str) for value in recorded.values()):
        return dict(recorded)
    theirs = {cell["id"]: cell for cell in handed_out(original) if cell.get("id")}
    yours = {cell["id"]: cell for cell in copy["cells"] if cell.get("id") in theirs}
    given: dict[str, str | None] = {name: digest(cell) for name, cell in theirs.items()}
    if not yours:
        return given
    tasks = {found[1] for name in yours if (found := TASK.match(name))}
    code = [name for name, cell in theirs.items() if cell["cell_type"] == "code" and not is_answer(cell)]
    differing = [name for name in code if name in yours and digest(yours[name]) != given[name]]
    changed = _changed_by_course(copy, original, yours, differing)
    for name, cell in theirs.items():
        task = TASK.match(name)
        if name not in yours:
            deleted = task[1] in tasks if task else name in code and changed is not None
            if not deleted:
                del given[name]  # new, as far as one can see
        elif name in differing:
            given[name] = None if changed is None else digest(yours[name]) if name in changed else given[name]
        elif cell["cell_type"] != "code" and "answer" not in tags(cell):
            if canonical_source(cell) not in canonical_source(yours[name]):  # else: something was added to it
                given[name] = digest(yours[name])
    return given


def _changed_by_course(copy: dict, original: dict, yours: dict[str, dict], differing: list[str]) -> set[str] | None:
    """Which of the code cells that differ the course has changed; None if that cannot be told.

    The hash of the code that the copy was made from tells which of its cells are in it as they were given.
    """
    was = _course(copy).get("built_from")
    if was and was == _course(original).get("built_from"):
        return set()
    if not was or _is_exercise(original):  # an exercise has the hash of its solution
        return None
    for size in range(MOST_CHANGED + 1):
        for some in combinations(differing, size):
            cells = [yours[cell["id"]] if cell.get("id") in some else cell for cell in original["cells"]]
            if built_from({"cells": cells}) == was:
                return set(some)
    return None


# --- taking it --------------------------------------------------------------------------------------------------------


def renewed(copy: dict, original: dict) -> tuple[dict, list[str]]:
    """The original's text, code and checks with what is the student's of the copy; and what the student is to know.

    Answers stand in their cells. Cells of the student's own stand after the cell that they followed, and before the
    code that followed them. What the student alone has changed stays changed; where the course has changed the same
    cell, both versions stand. Outputs stay with the code that they came from.
    """
    given, fresh = given_to(copy, original), copied(original)
    cells = copy["cells"]
    places = {cell.get("id", ""): place for place, cell in enumerate(fresh["cells"])}
    matched = _matched(cells, fresh["cells"], given)
    at = {index: places[name] for name, index in reversed(matched.items())}
    answers = {cell["id"] for cell in fresh["cells"] if "answer" in tags(cell)}
    gone = {was for name, was in given.items() if name not in places or name in answers}  # texts and stubs of before
    stubs = [source(cell) for cell in fresh["cells"] if is_answer(cell)]
    own: dict[int, list[dict]] = defaultdict(list)
    notes = []
    for index, cell in enumerate(cells):
        is_ours = digest(cell) in gone or any(same_code(source(cell), stub) for stub in stubs)
        if index in at or is_ours or not source(cell).strip():
            continue
        after = max((i for i in at if i < index), default=None)
        before = min((i for i in at if i > index and cells[i]["cell_type"] == "code"), default=None)
        slot = 0 if after is None else at[after] + 1
        own[slot if before is None else min(slot, at[before])].append(_own(cell, places))
        if (name := grade_id(cell) or cell.get("id")) in given.keys() - places.keys() and TASK.fullmatch(name):
            notes.append(f"{task_of(name)} is no longer in the exercise; your answer stands in a cell of its own")
    result = []
    for place, cell in enumerate(fresh["cells"]):
        result += own[place]
        yours = cells[matched[cell["id"]]] if cell.get("id") in matched else None
        kept, changed = _joined(cell, yours, given)
        result += kept
        notes += [changed] if changed else []
    result += own[len(fresh["cells"])]
    _complete(result, set(places))
    metadata = copy.get("metadata", {}) | {"course": fresh["metadata"]["course"]}
    return fresh | {"cells": result, "metadata": metadata}, notes


def is_renewed(copy: dict, content: dict) -> bool:
    """Whether there is anything in what `renewed` returned that the copy has not."""

    def readable(notebook: dict) -> list[tuple[str, str]]:
        return [
            (cell["cell_type"], NBVAL.sub("", canonical_source(cell)))
            for cell in notebook["cells"]
            if source(cell).strip()
        ]

    return readable(copy) != readable(content) or _code_differs(copy, content)


def _matched(cells: list[dict], theirs: list[dict], given: dict[str, str | None]) -> dict[str, int]:
    """From the ids of the original's cells to the indices of the student's that stand for them."""
    stubs = {cell["id"]: source(cell) for cell in theirs if is_answer(cell)}
    untouched = {given.get(answer): stub for answer, stub in stubs.items()}  # an old stub counts as the new one
    code = [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"]
    answers = [cells[index] | {"source": untouched.get(digest(cells[index]), source(cells[index]))} for index in code]
    ours = {digest(cell) for cell in theirs} | set(given.values())
    own = [number for number, cell in enumerate(answers) if digest(cell) not in ours]
    matched = {}
    for answer, stub in stubs.items():
        number = find_answer(answers, answer, stub)
        number = defining_cell(answers, own, stub, None) if number is None else number
        if number is not None:
            matched[answer] = code[number]
    for cell in theirs:
        if "answer" in tags(cell) and not is_answer(cell):  # an open question
            found = [i for i, one in enumerate(cells) if cell["id"] in (grade_id(one), one.get("id"))]
            written = [i for i in found if not same_code(source(cells[i]), source(cell))]
            matched |= {cell["id"]: (written or found)[-1]} if found else {}
    rest = {cell.get("id"): cell for cell in theirs if "answer" not in tags(cell)}
    by_digest = {value: name for name, value in given.items()} | {digest(cell): name for name, cell in rest.items()}
    for name_of in (lambda cell: cell.get("id"), lambda cell: by_digest.get(digest(cell))):  # some programs drop ids
        used = set(matched.values())
        for index, cell in enumerate(cells):
            name = name_of(cell)
            if index in used or name in matched or name not in rest:
                continue
            if "check" not in tags(rest[name]) or digest(cell) in ours:  # a check written over may be an answer
                matched[name] = index
    return matched


def _joined(cell: dict, yours: dict | None, given: dict[str, str | None]) -> tuple[list[dict], str]:
    """A cell of the original and the student's version of it: what of the two stands; and what there is to say."""
    if yours is None:
        return [cell], ""
    name = cell.get("id", "")
    was, theirs, now = given.get(name), digest(cell), digest(yours)
    kept = yours | {"id": name, "metadata": yours.get("metadata", {}) | cell["metadata"]}
    if "answer" in tags(cell):
        if now == was or same_code(source(yours), source(cell)):
            return [cell], ""
        same = was in (None, theirs)
        return [kept], "" if same else f"{task_of(name)}: the cell that you were given has changed; your answer stays"
    if now == theirs:
        return [kept | {"source": cell["source"]}], ""
    if now == was:
        return [cell], ""
    if was == theirs:
        return [kept], ""
    told = "" if source(yours).startswith("%%") else YOURS[yours["cell_type"]]
    yours = _own(yours, [name]) | {"source": lines(told + source(yours))}
    if yours["cell_type"] == "code":  # it may ask for what is no longer there, and Run All is not to end at it
        yours["metadata"]["tags"] = [*yours["metadata"].get("tags", []), "raises-exception"]
    return [cell, yours], f"cell {name}: changed by you and by the course; your version stands below the new one"


def _own(cell: dict, ours: Container[str]) -> dict:
    """A cell of the student's, without what would make it one of ours."""
    metadata = {key: value for key, value in cell.get("metadata", {}).items() if key not in ("nbgrader", "tags")}
    own_tags = [tag for tag in tags(cell) if tag not in ("answer", "check", "setup", "given")]
    name = cell.get("id", "")
    return cell | {"id": "" if name in ours else name, "metadata": metadata | ({"tags": own_tags} if own_tags else {})}


def _complete(cells: list[dict], ours: set[str]) -> None:
    """Gives each cell what nbformat 4.5 asks for, an id of its own among it; ours keep theirs."""
    seen = set(ours)
    for cell in cells:
        name = cell.get("id", "")
        if name not in ours and (name in seen or not CELL_ID.fullmatch(name)):
            name = next(new for n in count(1) if (new := f"own-{n}") not in seen)
        seen.add(name)
        cell["id"] = name
        cell.setdefault("metadata", {})
        if cell["cell_type"] == "code":
            cell.setdefault("execution_count", None)
            cell.setdefault("outputs", [])


def _course(notebook: dict) -> dict:
    course = notebook.get("metadata", {}).get("course")
    return course if isinstance(course, dict) else {}


def _is_exercise(notebook: dict) -> bool:
    return _course(notebook).get("kind") == "exercise"


def _code(notebook: dict) -> str:
    """The hash of a lecture's code; of an exercise there is none, only that of its solution."""
    return "" if _is_exercise(notebook) else str(_course(notebook).get("built_from", ""))


def _code_differs(copy: dict, original: dict) -> bool:
    """Whether both say what code they were built from, and say different things."""
    was, now = _code(copy), _code(original)
    return bool(was and now) and was != now


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
