"""The notes for teachers follow the lecture."""

from course_utils.staff.authoring.notebook_files import Notebook
from course_utils.staff.authoring.problems import Problem
from course_utils.staff.authoring.sections import FENCED, HEADING, headings

OWN = "Exercise "  # a section of the notes that has no counterpart in the lecture


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
