"""The page that a student gets back: by task the points, what went wrong, a call to try, a hint, what to reread."""

from __future__ import annotations

import re
from html import escape

from course_utils.grading.pristine import Exercise, Task
from course_utils.grading.records import Record, Row, plain

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 0 }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top }
section { border: 1px solid #c8c8c8; border-left-width: .4rem; border-radius: .3rem }
section { padding: .8rem 1rem; margin: 1rem 0 }
section.full { border-left-color: #007a5a }
section.part { border-left-color: #b37400 }
section.none { border-left-color: #b03a00 }
pre { background: #f3f3f3; padding: .5rem .7rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0 }
p { margin: .5rem 0 } .quiet { color: #555 } details { margin: .4rem 0 } summary { cursor: pointer }
@media print { details > * { display: block } }
""".strip()

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
{style}
</style></head>
<body>
{body}
</body>
</html>
"""

WORDS = {
    "graded": "",
    "missing": "not handed in",
    "error": "raised an error",
    "timeout": "took too long",
    "memory": "needed too much memory",
    "invalid": "file not usable",
}


def page(record: Record, exercise: Exercise) -> str:
    """The feedback of one student on one exercise, as a page that needs nothing else and runs no script."""
    rows = {row.task: row for row in record.rows}
    earned = f"{sum(row.points for row in record.rows):g} of {sum(task.max_points for task in exercise.tasks):g} points"
    later = f"; {exercise.manual_points:g} more points are given by a person" if exercise.manual_points else ""
    note = f"<p><strong>{escape(plain(record.note))}</strong></p>" if record.note else ""
    parts = [
        f"<h1>{escape(exercise.title)}</h1>",
        f'<p class="quiet">{escape(record.student)}{f" · {escape(plain(record.file))}" if record.file else ""}</p>',
        f"<p><strong>{earned}</strong>{later}</p>{note}",
        _summary(exercise, rows),
        *(_section(task, rows[task.id], exercise) for task in exercise.tasks if task.id in rows),
    ]
    return PAGE.format(title=escape(exercise.title), style=STYLE, body="\n".join(parts))


def _summary(exercise: Exercise, rows: dict[str, Row]) -> str:
    lines = [_summary_line(task, rows[task.id]) for task in exercise.tasks if task.id in rows]
    return "<table>\n<tr><th>task</th><th></th><th>points</th></tr>\n" + "\n".join(lines) + "\n</table>"


def _summary_line(task: Task, row: Row) -> str:
    return f'<tr><td><a href="#{task.id}">{task.id}</a></td><td>{_inline(task.title)}</td><td>{_points(row)}</td></tr>'


def _section(task: Task, row: Row, exercise: Exercise) -> str:
    kind = "full" if row.points >= row.max_points else "part" if row.points else "none"
    word = f' <span class="quiet">· {WORDS[row.status]}</span>' if WORDS.get(row.status) else ""
    parts = [f'<section id="{task.id}" class="{kind}">', f"<h2>{task.id} {_inline(task.title)}</h2>"]
    parts.append(f"<p><strong>{_points(row)} points</strong>{word}</p>")
    if row.message:
        parts.append(f"<p>{escape(plain(row.message))}</p>")
    if row.call:
        parts.append(f"<p>Paste this below your answer and run it:</p><pre>{escape(row.call)}</pre>")
    if row.returned:
        parts.append(f"<p>What came back:</p><pre>{escape(plain(row.returned))}</pre>")
    if kind != "full" and row.status != "invalid":
        parts += [_hint(*hint) for hint in task.hints]
        parts.append(_reread(task, exercise))
    return "\n".join([*parts, "</section>"])


def _points(row: Row) -> str:
    return f"{row.points:g} of {row.max_points:g}"


def _hint(symptom: str, body: str) -> str:
    paragraphs = "".join(f"<p>{_inline(part)}</p>" for part in re.split(r"\n\s*\n", body) if part.strip())
    return f"<details><summary>Hint: {_inline(symptom)}</summary>{paragraphs}</details>"


def _reread(task: Task, exercise: Exercise) -> str:
    headings = exercise.reread(task)
    where = ", ".join(f"“{_inline(heading)}”" for heading in headings[:3])
    return f'<p class="quiet">Read again: lecture {escape(exercise.name)}{f", {where}" if where else ""}</p>'


def _inline(markdown: str) -> str:
    """Our own markdown as HTML: code, bold and emphasis; everything else as text."""
    text = escape(" ".join(markdown.split()), quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])", r"<em>\1</em>", text)
