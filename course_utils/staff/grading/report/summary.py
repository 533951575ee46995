"""What the operator reads on the terminal when a run is over."""

from __future__ import annotations

from pathlib import Path

from course_utils.staff.grading.intake.roster import is_late
from course_utils.staff.grading.plain_text import message_line
from course_utils.staff.grading.report.graded import Changes, Graded


def summary(out: Path, graded: Graded, changes: Changes | None) -> list[str]:
    """What the operator is told at the end: who is missing or late, what has changed, where to look."""
    records, enrolled = graded.records, graded.enrolled
    lines = [f"{len(records)} graded: {out / 'index.html'}"]
    people = [
        ("file not usable", {r.student for r in records if r.file and any(row.status == "invalid" for row in r.rows)}),
        ("nothing handed in", {r.student for r in records} - {r.student for r in records if r.file}),
        ("late", {r.student for r in records if is_late(r.note)}),
        ("not on the roster", {r.student for r in records if enrolled and r.student not in enrolled}),
    ]
    lines += [f"{what} ({len(who)}): {_some(sorted(who))}" for what, who in people if who]
    if lines[-1].startswith("not on the roster"):
        lines.append("  (if they are: put the name that stands here into the column student of the roster)")
    aside = [message_line(f"{who}: {'; '.join(files)}") for who, files in sorted(graded.aside.items())]
    if aside:
        lines.append(f"with files set aside ({len(aside)}), see {out / 'manifest.csv'}:")
        lines += [f"  {line}" for line in aside[:5]] + ([f"  and {len(aside) - 5} more"] if len(aside) > 5 else [])
    lines += graded.notes
    if changes is not None and changes.rows:
        moved = f"{changes.higher} higher, {changes.lower} lower"
        lines.append(f"changed since the report before: {len(changes.rows)} rows ({moved}): {out / 'changes.csv'}")
        lines += [_change(row) for row in changes.rows[:5]]
        lines += [f"  and {len(changes.rows) - 5} more"] if len(changes.rows) > 5 else []
    elif changes is not None:
        lines.append("changed since the report before: nothing")
    return lines


def _change(row: tuple[str, ...]) -> str:
    student, _, task, before, now, status_before, status, _ = row
    if not (status_before and status):
        return f"  {student} {task}: {'new, ' + now if status else 'no longer there'}"
    return f"  {student} {task}: {before} -> {now}" + (
        f" ({status_before} -> {status})" if status != status_before else ""
    )


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
