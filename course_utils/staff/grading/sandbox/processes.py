"""The processes that a process has started, and theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import psutil


def descendants(head: psutil.Process) -> list[psutil.Process]:
    """What descends from a process. Linux tells the children of each; psutil would look at all of the machine."""
    found, waiting = [], [head.pid]
    if not Path(f"/proc/{head.pid}/task/{head.pid}/children").exists():
        with contextlib.suppress(psutil.Error):
            found = head.children(recursive=True)
        return found
    while waiting:
        for pid in _children(waiting.pop()):
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(pid))
                waiting.append(pid)
    return found


def _children(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):  # it has just ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kills them; one that is gone already is none to worry about."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
