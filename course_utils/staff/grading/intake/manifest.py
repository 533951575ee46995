"""The manifest: what every file that was handed in is, whose, and which one of several counts.

`look` reads a file; all else is decided from what it saw. Rules, in the order in which they are asked:

* The metadata say which exercise a notebook is of, and whether it is the exercise, its lecture or its solution. Without
  them the cells decide (ids, first lines, the markers of a solution), then the name. Only exercises are graded.
* Of several files of one student for one exercise the one with answers counts, then the platform's last attempt, then
  the newest, then the one whose name sorts last. The others are set aside.
* Where the whole looks wrong (`doubts`), nothing should be graded before a person has looked.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course_utils import project
from course_utils.answers import grade_id, marker, same_code
from course_utils.notebooks import BEGIN, source, write_whole
from course_utils.staff.grading.intake import finding
from course_utils.staff.grading.intake.finding import File
from course_utils.staff.grading.intake.reading import Unusable, read_notebook
from course_utils.staff.grading.place import pristine
from course_utils.staff.grading.place.graft import place
from course_utils.staff.grading.place.pristine import Exercise
from course_utils.staff.grading.plain_text import message_line, safe_cell
from course_utils.staff.grading.tables import table

EXERCISE, LECTURE, SOLUTION, FOREIGN, UNREADABLE = "exercise", "lecture", "solution", "foreign", "unreadable"
GRADED, ASIDE, IGNORED = "graded", "set aside", "ignored"
FILE = "manifest.csv"
COLUMNS = ("path", "student", "exercise", "kind", "taken_as", "reason")

ANSWER = re.compile(r"e(\d\d)-\d+")  # the id of an answer cell
COPY_NUMBER = re.compile(r"(\d{1,9})\)?$")  # 01_chain_rule-1, 01_chain_rule (1), 01_chain_rule-Copy1
SAME_TIME = 2.0  # seconds: archives keep no finer time, and a clone writes all of its files at once
REASON = re.compile(r"; |: hand in ")  # what follows is of one file, and not of the group
LONGEST_LINE = 150  # characters
FEW = 3  # in a class of so many, one who is alone or a stray notebook is nothing odd
OWN_FOLDERS = re.compile(r"exercises|work|(attempt|version|v|try|draft|backup|old|new|final|copy)[\W_]*\d*", re.I)


@dataclass(frozen=True)
class Seen:
    """What a look into a file tells. exercise: "" for none. problem: why it cannot be used, for its student."""

    file: File
    kind: str
    exercise: str = ""
    answered: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Entry:
    """A line of the manifest: a file, what it is, and what becomes of it."""

    file: File
    exercise: str
    kind: str
    taken_as: str
    reason: str = ""


class Shelf:
    """The exercises and lectures of the course, each read when it is first asked for."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or project.course_folder()
        self.known = pristine.names(self.root)
        self._exercises: dict[str, Exercise] = {}
        self._lectures: dict[str, frozenset[str]] = {}

    def exercise(self, name: str) -> Exercise:
        if name not in self._exercises:
            self._exercises[name] = pristine.load(name, self.root)
        return self._exercises[name]

    def lecture_cells(self, name: str) -> frozenset[str]:
        """The ids of the cells of a lecture; none where it is not here."""
        if name not in self._lectures:
            try:
                cells = read_notebook((self.root / "notebooks" / f"{name}.ipynb").read_bytes())["cells"]
            except (OSError, Unusable):
                cells = []
            self._lectures[name] = frozenset(cell["id"] for cell in cells)
        return self._lectures[name]


# --- what a file is -------------------------------------------------------------------------------------------------


def look(file: File, shelf: Shelf) -> Seen:
    """Reads a file, and says what it is."""
    try:
        notebook = read_notebook(file.read())
    except Unusable as reason:
        other = not file.is_notebook and file.name != finding.UNREADABLE
        name = by_name(file.name, shelf.known) or ""
        return Seen(file, FOREIGN if other else UNREADABLE, name, problem=str(reason))
    known = shelf.known
    name = by_metadata(notebook, known) or by_cells(notebook, known) or by_name(file.name, known) or ""
    kind = kind_of(notebook, shelf.lecture_cells(name) if name else frozenset())
    if kind in (LECTURE, SOLUTION) or not name:
        return Seen(file, FOREIGN if kind == EXERCISE else kind, name)
    exercise = shelf.exercise(name)
    answered = any(
        marker(cell) in (None, answer) and not same_code(source(cell), exercise.stubs[answer])
        for cell, answer in _answers(notebook)
        if answer in exercise.stubs
    ) or bool(place(exercise.solution, notebook, exercise.stubs).answers)  # which takes longer, and finds it anywhere
    return Seen(file, EXERCISE if answered else kind, name, answered)


def by_metadata(notebook: dict, known: list[str]) -> str | None:
    """The exercise that the notebook itself says it is."""
    lesson = notebook.get("course", {}).get("lesson")
    return lesson if isinstance(lesson, str) and lesson in known else None


def by_cells(notebook: dict, known: list[str]) -> str | None:
    """The exercise to which most of the answer cells belong, by their ids or first lines."""
    lessons = Counter(answer[1:3] for _, answer in _answers(notebook))
    first = lessons.most_common(1)
    return next((name for name in known if first and name.startswith(f"{first[0][0]}_")), None)


def by_name(file_name: str, known: list[str]) -> str | None:
    """The exercise that a file's name contains, whatever a platform or browser put around it."""
    stem = re.sub(r"[\s\-]+", "_", unicodedata.normalize("NFC", file_name)).casefold()
    return max((name for name in known if name.casefold() in stem), key=len, default=None)


def kind_of(notebook: dict, lecture_cells: Collection[str] = ()) -> str:
    """Exercise, lecture, solution or foreign. lecture_cells: the ids of the lecture that it may be."""
    said = notebook["course"].get("kind")
    if said == SOLUTION:  # nbgrader hands out a solution, blanked: it leaves this, and a checksum in the answer cells
        return EXERCISE if any(_checksum(cell) for cell, _ in _answers(notebook)) else SOLUTION
    if said in (EXERCISE, LECTURE):
        return said
    answers = [source(cell) for cell, _ in _answers(notebook)]
    if answers:
        return SOLUTION if 2 * sum(BEGIN in text for text in answers) > len(answers) else EXERCISE
    ids = [cell["id"] for cell in notebook["cells"]]
    return LECTURE if 2 * sum(one in lecture_cells for one in ids) > len(ids) else FOREIGN


def _answers(notebook: dict) -> Iterator[tuple[dict, str]]:
    """The answer cells of any exercise, each with its id."""
    for cell in notebook["cells"]:
        names = (grade_id(cell), cell["id"], marker(cell)) if cell["cell_type"] == "code" else ()
        found = next((name for name in names if name and ANSWER.fullmatch(name)), None)
        if found:
            yield cell, found


def _checksum(cell: dict) -> bool:
    return "checksum" in cell["metadata"].get("nbgrader", {})


# --- which file counts ----------------------------------------------------------------------------------------------


def decide(seen: Iterable[Seen], wanted: Collection[str] | None = None) -> list[Entry]:
    """What becomes of each file, in the order of the file system's names. wanted: the exercises asked for; None: all.

    Where one exercise is asked for, the only file of a student is meant for it, whatever it is called.
    """
    seen = sorted(seen, key=lambda one: one.file.path)
    with_notebook = {one.file.student for one in seen if one.file.is_notebook}
    theirs = Counter(
        one.file.student
        for one in seen
        if one.kind not in (LECTURE, SOLUTION) and (one.file.is_notebook or one.file.student not in with_notebook)
    )
    entries: list[Entry] = []
    candidates: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        file, name = one.file, one.exercise
        if not name and wanted and len(wanted) == 1 and theirs[file.student] == 1:
            (name,) = wanted
        taken_as, reason = _without_rivals(one, name, file.student in with_notebook, wanted)
        if taken_as:
            entries.append(Entry(file, one.exercise, one.kind, taken_as, reason))
        else:
            candidates[file.student, name].append(one)
    for (_, name), rivals in candidates.items():
        entries += choose(rivals, name)
    return sorted(entries, key=lambda entry: entry.file.path)


def _without_rivals(one: Seen, name: str, with_notebook: bool, wanted: Collection[str] | None) -> tuple[str, str]:
    """What becomes of a file that cannot be graded as the exercise `name`, and why; ("", "") for the others."""
    if not one.file.student:
        where = "it lies at the top, in no student's folder" if one.file.is_notebook else one.problem
        return IGNORED, where
    if with_notebook and not one.file.is_notebook:
        return IGNORED, one.problem
    if one.kind in (LECTURE, SOLUTION):
        return ASIDE, never(one.kind, one.exercise)
    if not name:
        return IGNORED, one.problem or "of no exercise of this course"
    if wanted is not None and name not in wanted:
        return ASIDE, "an exercise that was not asked for"
    return "", ""


def never(kind: str, exercise: str) -> str:
    """Why a lecture or a solution is not graded, and what to hand in."""
    what = "the course's solved notebook" if kind == SOLUTION else "the lecture"
    instead = f"exercises/{exercise}.ipynb" if exercise else "a notebook of exercises/"
    return f"this is {what}, which is never graded: hand in {instead}"


def choose(rivals: list[Seen], exercise: str) -> list[Entry]:
    """Of one student's files for one exercise: which counts, and why the others do not."""
    lost: list[tuple[Seen, str]] = []
    pool, won = rivals, ""
    for keep, gained, reason in RULES:
        kept = keep(pool, exercise)
        if len(kept) < len(pool):
            lost += [(one, reason(one)) for one in pool if one not in kept]
            pool, won = kept, gained
    *doubles, best = pool
    lost += [(one, "its name stands there twice") for one in doubles]
    counts = "/".join(best.file.parts)
    said = [best.problem or ("" if best.answered else _nothing(best)), won and f"of several files {won}"]
    if not best.exercise:
        said.append("the only file of this student")
    entries = [Entry(best.file, exercise, best.kind, GRADED, "; ".join(filter(None, said)))]
    return entries + [Entry(one.file, exercise, one.kind, ASIDE, f"{why}; {counts} counts") for one, why in lost]


def _worth(one: Seen) -> int:
    """An answer is more than a file that cannot be read, that is more than no answer, and that than no exercise."""
    return 3 if one.answered else 2 if one.kind == UNREADABLE else 1 if one.kind == EXERCISE else 0


def _nothing(one: Seen) -> str:
    return one.problem or ("nothing is answered in it" if one.kind == EXERCISE else "no answer cell is in it")


def _most(key: Callable[[Seen, str], Any], within: float = 0.0) -> Callable[[list[Seen], str], list[Seen]]:
    def keep(pool: list[Seen], exercise: str) -> list[Seen]:
        keys = [key(one, exercise) for one in pool]
        most = max(keys)
        return [one for one, its in zip(pool, keys, strict=True) if its == most or (within and most - its <= within)]

    return keep


def _time(file: File) -> float:
    """Seconds since 1970; 0 for a time that is not known."""
    return file.modified.replace(tzinfo=UTC).timestamp() if file.modified.year < datetime.max.year else 0.0


def _order(file: File, exercise: str) -> tuple:
    """Where a name stands among copies: by copy number, then by name, with numbers in names as numbers."""
    copy_number = COPY_NUMBER.search(file.stem.casefold().replace(exercise.casefold(), ""))
    digits = [
        [(part.isdecimal(), int(part[-9:]) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]
        for name in file.parts
    ]
    return int(copy_number[1]) if copy_number else 0, digits, file.parts


# Each: who stays, why it counts, why another does not.
RULES: tuple[tuple[Callable[[list[Seen], str], list[Seen]], str, Callable[[Seen], str]], ...] = (
    (_most(lambda one, exercise: _worth(one)), "the one with answers", _nothing),
    (_most(lambda one, exercise: one.file.attempt), "the last attempt", lambda one: "an earlier attempt"),
    (_most(lambda one, exercise: _time(one.file), SAME_TIME), "the newest", lambda one: "older"),
    (_most(lambda one, exercise: _order(one.file, exercise)), "the last by name", lambda one: "its name sorts before"),
)


# --- the whole ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manifest:
    """All lines, in the order of the file system's names. renamed: folders of one name, as `Found` has them."""

    entries: list[Entry]
    renamed: dict[str, str] = field(default_factory=dict)

    def graded(self) -> dict[tuple[str, str], Entry]:
        """The files that count, by student and exercise."""
        return {(entry.file.student, entry.exercise): entry for entry in self.entries if entry.taken_as == GRADED}

    def ignored(self) -> list[Entry]:
        """What was handed in and is of no exercise; not what lies beside notebooks."""
        with_notebook = {entry.file.student for entry in self.entries if entry.file.is_notebook}
        return [
            entry
            for entry in self.entries
            if entry.taken_as == IGNORED and (entry.file.is_notebook or entry.file.student not in with_notebook)
        ]

    def aside(self, exercises: Collection[str]) -> dict[str, list[Entry]]:
        """By student, what a file of these exercises had to make room for, and lectures and solutions in its place."""
        graded, found = self.graded(), defaultdict(list)
        for entry in self.entries:
            own = (entry.file.student, entry.exercise) in graded
            if entry.taken_as == ASIDE and entry.exercise in exercises and own != (entry.kind in (LECTURE, SOLUTION)):
                found[entry.file.student].append(entry)
        return found

    def write(self, report: Path) -> None:
        """Writes manifest.csv into the folder of the report. Raises OSError."""
        write_whole(report / FILE, self.table())

    def table(self) -> str:
        """manifest.csv."""
        rows = []
        for entry in self.entries:
            folder = self.renamed.get(entry.file.student)
            reason = "; ".join(filter(None, (entry.reason, folder and f"of the folder {folder}")))
            named = ("/".join(entry.file.path), entry.file.student)
            rows.append((*map(safe_cell, named), entry.exercise, entry.kind, entry.taken_as, message_line(reason)))
        return table([COLUMNS, *rows])

    def shown(self, most: int = 8) -> list[str]:
        """The manifest in groups, for a terminal: a line an exercise, and at most so many reasons for each lot."""
        lines = [f"{len(self.entries)} files"]
        for taken_as in (GRADED, ASIDE, IGNORED):
            these = [entry for entry in self.entries if entry.taken_as == taken_as]
            lines.append(f"{taken_as}: {len(these)}")
            if taken_as == GRADED:
                lines += [f"{n:>7}  {name}" for name, n in sorted(Counter(one.exercise for one in these).items())]
            paths = defaultdict(list)
            for entry in these:
                paths[message_line(REASON.split(entry.reason)[0])].append("/".join(entry.file.path))
            paths.pop("", None)
            for why, those in sorted(paths.items(), key=lambda one: (-len(one[1]), one[0]))[:most]:
                lines.append(f"{len(those):>7}  {why} ({_some(those, 1)})"[:LONGEST_LINE])
            lines += [f"{'':>7}  and {len(paths) - most} reasons more"] if len(paths) > most else []
        return lines


def doubts(manifest: Manifest, students: Collection[str], enrolled: Collection[str]) -> list[str]:
    """What makes the intake look wrong, a sentence each. students: those found; enrolled: those of the roster."""
    entries = manifest.entries
    classes = list(_classes(entries, enrolled))
    found = classes[:3] + ([f"{len(classes) - 3} more are like that"] if len(classes) > 3 else [])
    top = [entry.file.name for entry in entries if entry.file.is_notebook and not entry.file.student]
    if top:
        found.append(f"at the top lies a notebook that is in no student's folder ({_some(top)})")
    if enrolled and not set(students) & set(enrolled):
        found.append(f"of the roster nobody is among the students ({_some(sorted(students))})")
    notebooks = [entry for entry in entries if entry.file.is_notebook and entry.file.student]
    ignored = ["/".join(entry.file.path) for entry in notebooks if entry.taken_as == IGNORED]
    if len(notebooks) > FEW and 10 * len(ignored) > len(notebooks):
        found.append(
            f"{len(ignored)} of {len(notebooks)} notebooks are of no exercise of this course ({_some(ignored)})"
        )
    return found


def _classes(entries: list[Entry], enrolled: Collection[str]) -> Iterator[str]:
    """Those who have one exercise in folders side by side: such a "student" is mostly a folder of students."""
    beside: dict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    for entry in entries:
        file = entry.file
        known = file.student in enrolled or file.platform
        if file.student and entry.exercise and entry.kind not in (LECTURE, SOLUTION) and not known:
            for depth, folder in enumerate(file.parts[:-1]):
                if not OWN_FOLDERS.fullmatch(folder):
                    beside[file.student, entry.exercise, file.parts[:depth]].add(folder)
    told = set()
    for (student, exercise, above), folders in beside.items():
        if len(folders) > 1 and student not in told:
            told.add(student)
            where = "/".join((student, *above))
            yield (
                f"{where} has {exercise} in {len(folders)} folders side by side ({_some(sorted(folders))}): if these "
                f"are students, grade the folder {where} itself"
            )


def alone(manifest: Manifest, students: Collection[str]) -> dict[str, str]:
    """The exercises that one student alone handed in, of a class of more than three, with that student."""
    who = _who(manifest)
    return {name: next(iter(them)) for name, them in who.items() if len(them) == 1 and len(students) > FEW}


def counted(manifest: Manifest, students: Collection[str], wanted: Collection[str] | None) -> list[str]:
    """The exercises whose points make the maximum: those asked for, else those of a tenth of the students or more."""
    who = _who(manifest)
    return sorted(wanted or [name for name, them in who.items() if 10 * len(them) >= len(students)] or who)


def _who(manifest: Manifest) -> dict[str, set[str]]:
    who = defaultdict(set)
    for student, exercise in manifest.graded():
        who[exercise].add(student)
    return dict(sorted(who.items()))


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
