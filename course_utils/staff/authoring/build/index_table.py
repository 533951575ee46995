"""The table of lessons in README.md, between its two markers."""

from pathlib import Path

from course_utils.staff.authoring.notebook_files import DEVICES, lessons, read
from course_utils.staff.authoring.sections import title
from course_utils.staff.judging.registry import total_points

BEGIN, END = "<!-- index:begin -->", "<!-- index:end -->"
HEAD = "| lecture | exercise | solution | minutes | points | device |\n|---|---|---|---|---|---|\n"


def readme(root: Path) -> str:
    """README.md with a fresh table. ValueError where the markers are missing."""
    text = (root / "README.md").read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"needs the lines {BEGIN} and {END}, with the table of lessons between them")
    return f"{before}{BEGIN}\n{table(root)}{END}{after}"


def table(root: Path) -> str:
    return HEAD + "".join(row(root, lesson) for lesson in lessons(root, "notebooks"))


def row(root: Path, lesson: str) -> str:
    """Minutes: of the lecture + of the exercise. Points: what the checks can give."""
    lecture = read(root, "notebooks", lesson)
    name = f"[{title(lecture)}](notebooks/{lesson}.ipynb)"
    exercise, solution, minutes, points = "–", "–", f"{lecture.course['minutes']}", "–"
    if lesson in lessons(root, "solutions"):
        exercise = f"[exercise](exercises/{lesson}.ipynb)"
        solution = f"[solution](solutions/{lesson}.ipynb)"
        minutes += f" + {read(root, 'solutions', lesson).course['minutes']}"
        points = f"{total_points(lesson[:2]):g}"
    device = DEVICES[lecture.course["device"]]
    return f"| {' | '.join([name, exercise, solution, minutes, points, device])} |\n"
