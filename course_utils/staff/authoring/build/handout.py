"""A copy of the course that can be given to students while its points still count.

It has the lectures, the exercises, what there is to look up and the package that the notebooks use. It has no
solutions, judges and known mistakes, no notes for teachers, no tests, and none of the commands that need them. A check
in it says whether an answer runs; whether it is right is said when the exercises are graded with the whole course.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from course_utils import __version__
from course_utils.notebooks import blanked, is_turn, lines, source, to_bytes, without_outputs
from course_utils.staff.authoring.lints.prose import CODE_SPAN, ELSEWHERE, FORMULAS, LINK, readings
from course_utils.staff.authoring.notebook_files import DEVICES, Notebook, lessons, read
from course_utils.staff.authoring.render import rendering
from course_utils.staff.authoring.render.website import FOR_INSTRUCTORS, relative
from course_utils.staff.authoring.sections import FENCED, HEADING, title
from course_utils.staff.judging.registry import total_points

KEPT = (
    *("course.py", "pyproject.toml", "constraints.txt", "environment.yml", "LICENSE", "CITATION.cff", ".gitignore"),
    *("MANIFEST.in", "notebooks/*.ipynb", "exercises/*.ipynb", "docs/*.md", "course_utils/*"),
)
LEFT_OUT = ("course_utils/staff/*", "*/__pycache__/*", "*/.*", "*.pyc", "*.tmp", "*~")  # staff/ is what is secret


class NotPossible(Exception):
    """The copy cannot be made as asked for; the text says why."""


def hand_out(root: Path, out: Path) -> str:
    """Writes the copy; returns a line that says what was done. NotPossible where `out` holds something."""
    if not lessons(root, "notebooks") or not lessons(root, "exercises"):
        raise NotPossible(f"no notebooks below {root}: start this command in the project's folder")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise NotPossible(f"{out} is not empty: name a folder that is not there yet")
    if out.resolve().is_relative_to((root / "course_utils").resolve()):
        raise NotPossible(f"{out} lies in what is copied: name a folder elsewhere")
    files = sorted(kept(root))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
        draft = Path(temporary) / "course"
        for file in files:
            (draft / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, draft / file)
        for file in files:
            unlink_missing(root, draft, file)
            leave_turns(draft / file)
        text = rendering.plainly_filled(
            "handout.md", rows=list(rows(root)), pages=list(pages(draft)), version=__version__
        )
        (draft / "README.md").write_text(text + "\n", encoding="utf-8", newline="\n")
        if out.exists():
            out.rmdir()
        draft.rename(out)
    return f"{out}: {len(files) + 1} files, for students; grade what they hand in from here, with the whole course"


def kept(root: Path) -> Iterator[str]:
    """The files of the project that are handed out as they are."""
    for pattern in KEPT:
        for path in root.rglob("course_utils/**/*") if pattern == "course_utils/*" else root.glob(pattern):
            file = path.relative_to(root).as_posix()
            hidden = file != ".gitignore" and any(fnmatch(file, out) for out in LEFT_OUT)
            hidden |= file.startswith(FOR_INSTRUCTORS)
            if path.is_file() and not path.is_symlink() and not hidden:
                yield file


def rows(root: Path) -> Iterator[dict]:
    """What the table of lessons shows."""
    exercises = lessons(root, "exercises")
    for lesson in lessons(root, "notebooks"):
        lecture, has_exercise = read(root, "notebooks", lesson), lesson in exercises
        minutes = [lecture.course["minutes"]]
        minutes += [read(root, "exercises", lesson).course["minutes"]] if has_exercise else []
        yield {
            "title": title(lecture),
            "lesson": lesson,
            "exercise": has_exercise,
            "minutes": " + ".join(map(str, minutes)),
            "points": f"{total_points(lesson[:2]):g}" if has_exercise else "–",
            "device": DEVICES[lecture.course["device"]],
        }


def pages(draft: Path) -> Iterator[tuple[str, str]]:
    """(file, title) of what there is to look up."""
    for path in sorted((draft / "docs").glob("*.md")):
        heading = HEADING.search(path.read_text(encoding="utf-8"))
        yield f"docs/{path.name}", heading[2] if heading else path.stem


def unlink_missing(root: Path, draft: Path, file: str) -> None:
    """Takes links to what is not handed out away from a page or a notebook; their words stay."""
    if file.endswith(".md"):
        text = (draft / file).read_text(encoding="utf-8")
        changed = without_links(text, lambda link: relative(file, link), draft)
        (draft / file).write_text(changed, encoding="utf-8", newline="\n")
    elif file.endswith(".ipynb"):
        content = json.loads((draft / file).read_text(encoding="utf-8"))
        notebook = Notebook(root, file.partition("/")[0], Path(file).stem, content)
        changed = False
        for cell in notebook.markdown_cells:
            text = without_links(source(cell), lambda link: list(readings(notebook, link.partition("#")[0])), draft)
            changed |= text != source(cell)
            cell["source"] = lines(text)
        if changed:
            (draft / file).write_bytes(to_bytes(content))


def leave_turns(path: Path) -> None:
    """Leaves to the reader of a lecture what it is their turn to write."""
    if path.suffix != ".ipynb":
        return
    content = json.loads(path.read_text(encoding="utf-8"))
    if any(map(is_turn, content["cells"])):
        content["cells"] = [
            without_outputs(cell) | {"source": lines(blanked(source(cell)))} if is_turn(cell) else cell
            for cell in content["cells"]
        ]
        path.write_bytes(to_bytes(content))


def without_links(text: str, meant: Callable[[str], list[str]], draft: Path) -> str:
    """Markdown whose links all lead to files of the copy, to the page itself or out of the course."""
    code = [found.span() for pattern in (FENCED, CODE_SPAN, *FORMULAS) for found in pattern.finditer(text)]
    for found in reversed(list(LINK.finditer(text))):
        target, inside = found[1], any(start < found.start() < end for start, end in code)
        if inside or target is None or target.startswith("#") or ELSEWHERE.match(target):
            continue
        if not any((draft / file).is_file() or file == "README.md" for file in meant(target)):
            start = text.rfind("[", 0, found.start())
            text = text[:start] + text[start + 1 : found.start()] + text[found.end() :]
    return text
