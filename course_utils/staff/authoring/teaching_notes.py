"""teaching/<lesson>.md, section by section."""

import re
from dataclasses import dataclass
from pathlib import Path

from course_utils.staff.authoring.sections import FENCED

MINUTES = re.compile(r"(?:About )?(\d+) minutes?\b")


@dataclass(frozen=True)
class Note:
    """What the teacher is told about one section of the lecture, in Markdown."""

    text: str

    @property
    def minutes(self) -> int | None:
        """The minutes that it begins with: "7 minutes. ..."; None where it begins in another way."""
        found = MINUTES.match(self.text)
        return int(found[1]) if found else None


def notes(root: Path, lesson: str) -> dict[str, Note]:
    """Heading of a section -> its note, in the page's order; "" is what stands before the first section.

    Empty where the lesson has no page.
    """
    path = root / "teaching" / f"{lesson}.md"
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    fences = [found.span() for found in FENCED.finditer(text)]
    marks = [
        found
        for found in re.finditer(r"^#{1,2} +(.+)$", text, re.MULTILINE)
        if not any(start <= found.start() < end for start, end in fences)
    ]
    result = {}
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        heading = "" if mark[0].startswith("# ") else mark[1].strip()
        result[heading] = Note(text[mark.end() : after.start() if after else len(text)].strip())
    return result
