"""`check`: the answer to a task, judged where it was written."""

from __future__ import annotations

import sys


def check(task: str) -> float | None:
    """Check the answer to `task` (for example "E01.2") in the notebook that calls; print a report, return the points.

    The answer is looked up by name where `check` is called. The inputs are the same at each call (seed 0). An answer
    that comes to no end is stopped, and has 0 points. None in a copy of the course that was handed out without its
    judges: there it is said whether the answer runs. Raises Interrupted.
    """
    from course_utils.checks.cells import run_cells
    from course_utils.checks.patience import SECONDS, TookTooLong, stopped_in_time
    from course_utils.checks.probing import load_probe, probe_task, report_unjudged
    from course_utils.checks.registry import is_judged

    name = f"{task} {load_probe(task).function}"
    try:
        with stopped_in_time(SECONDS):
            data = probe_task(task, sys._getframe(1).f_globals, 0, run_cells())
        if not is_judged(task):
            print(report_unjudged(task, data))
            return None
        from course_utils.staff.judging.judging import judge_task, report

        verdict = judge_task(task, data, seed=0)
    except TookTooLong:
        print(f"{name}: stopped, as it was still running after {SECONDS:g} seconds. Is there a loop that never ends?")
        return 0.0 if is_judged(task) else None
    except KeyboardInterrupt:
        raise Interrupted(f"{name}: interrupted, so there is no result. Run this cell again for one.") from None
    print(report(task, verdict))
    return float(verdict.points)


class Interrupted(KeyboardInterrupt):
    """A check was interrupted. A notebook shows the one line, and not in the midst of what it was."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
