"""`check`: the answer to a task, judged where it was written."""

from __future__ import annotations

import sys

from course_utils.classroom import memory, showing


def check(task: str) -> float | None:
    """Check the answer to `task` (for example "E01.2") in the notebook that calls; print a report, return the points.

    The answer is looked up by name where `check` is called. The inputs are the same at each call (seed 0). An answer
    that comes to no end is stopped, and has 0 points. A question within a lecture ("01.a") has none: it is said whether
    the answer is right, and None comes back; so it does in a copy of the course that was handed out without its judges,
    where it is said whether the answer runs. Raises Interrupted.
    """
    from course_utils.checks.cells import run_cells
    from course_utils.checks.patience import SECONDS, TookTooLong, stopped_in_time
    from course_utils.checks.probing import load_probe, probe_task, report_unjudged
    from course_utils.checks.registry import is_judged, is_turn

    name = f"{task} {load_probe(task).function}"
    try:
        with stopped_in_time(SECONDS):
            data = probe_task(task, sys._getframe(1).f_globals, 0, run_cells())
        stands = data["state"] in ("answered", "unasked")
        if not is_judged(task):
            print(report_unjudged(task, data))
            return None
        from course_utils.staff.judging.judging import judge_task, report

        verdict = judge_task(task, data, seed=0)
    except TookTooLong:
        print(f"{name}: stopped, as it was still running after {SECONDS:g} seconds. Is there a loop that never ends?")
        return 0.0 if is_judged(task) and not is_turn(task) else None
    except KeyboardInterrupt:
        raise Interrupted(f"{name}: interrupted, so there is no result. Run this cell again for one.") from None
    if stands:
        memory.record(task, verdict.right, verdict.message, verdict.misconception or "")
    kind = verdict.misconception or verdict.message
    showing.show(task, report(task, verdict), verdict.right, waits=not stands, kind=kind)
    return None if is_turn(task) else float(verdict.points)


class Interrupted(KeyboardInterrupt):
    """A check was interrupted. A notebook shows the one line, and not in the midst of what it was."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
