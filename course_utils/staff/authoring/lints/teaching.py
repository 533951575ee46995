"""The notes for teachers follow the lecture, and their minutes add up to its own."""

import re

from course_utils.staff.authoring.notebook_files import Notebook
from course_utils.staff.authoring.problems import Problem
from course_utils.staff.authoring.sections import FENCED, HEADING, headings
from course_utils.staff.authoring.teaching_notes import notes

OWN = "Exercise "  # a section of the notes that has no counterpart in the lecture
OTHERS_MINUTES = re.compile(r"[^.]*\b\d+ minutes\b")  # in the first sentence


def teaching_notes(notebook: Notebook) -> list[Problem]:
    """The sections of teaching/<lesson>.md are sections of the lecture, in its order."""
    path = notebook.root / "teaching" / f"{notebook.lesson}.md"
    if notebook.folder != "notebooks" or not path.exists():
        return []
    lecture = [heading.text for heading in headings(notebook) if heading.level == 2]
    notes = HEADING.findall(FENCED.sub("", path.read_text(encoding="utf-8")))
    notes = [text for marks, text in notes if len(marks) == 2 and not text.startswith(OWN)]
    problems = [text for text in notes if text not in lecture]
    if not problems and notes != [text for text in lecture if text in notes]:
        problems = ["the order of the sections"]
    file = path.relative_to(notebook.root).as_posix()
    return [Problem(file, "", f"not the lecture's: {text}", "change it") for text in problems]


def teaching_minutes(notebook: Notebook) -> list[Problem]:
    """The minutes of the sections of teaching/<lesson>.md add up to the lecture's; slides show them by the clock.

    A section begins with its own length ("7 minutes. ...") or with a sentence that names no minutes.
    """
    told = notes(notebook.root, notebook.lesson) if notebook.folder == "notebooks" else {}
    lecture, faults = notebook.course.get("minutes"), []
    for heading, note in told.items():
        if note.minutes is None and OTHERS_MINUTES.match(note.text):
            faults.append(f'"{heading}" begins with minutes that are not its own: say first how long it takes itself')
    minutes = {heading: note.minutes for heading, note in told.items() if note.minutes is not None}
    whole = minutes.pop("", lecture)
    total = sum(length for heading, length in minutes.items() if not heading.startswith(OWN))
    if told and whole != lecture:
        faults.append(f"it says {whole} minutes at its beginning, the lecture {lecture}")
    if minutes and total != lecture:
        faults.append(f"its sections take {total} minutes together, the lecture {lecture}")
    return [Problem(f"teaching/{notebook.lesson}.md", "", fault, "change it") for fault in faults]
