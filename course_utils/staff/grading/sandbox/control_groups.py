"""A control group of Linux (version 2) for each kernel, where this account may make one.

The system then counts the CPU time of all that a kernel starts, also of what is gone, and, where the controllers for
memory and processes can be had, bounds these too. They can be had by root, and in a systemd unit that is delegated:
`systemd-run --user --scope -p Delegate=yes course grade ...`. Elsewhere `kernel` looks at the processes by itself.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from course_utils.staff.grading.sandbox.isolation import Limits

PREFIX = "course-grade-"  # then the number of the process that made it, and one of its own
GRADER = f"{PREFIX}itself"  # where the grader's own processes go in a delegated unit: only its leaves may hold any
CONTROLLERS = ("memory", "pids")
_numbers = itertools.count()


class Group:
    """One group. `bounds_memory`: whether the system ends what passes the limit of memory."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        _write(folder / "memory.swap.max", 0)
        _write(folder / "memory.oom.group", 1)
        self.bounds_memory = _write(folder / "memory.max", limits.memory)
        _write(folder / "pids.max", limits.processes + 8)  # and the sandbox's own

    @classmethod
    def of(cls, pids: Iterable[int], limits: Limits) -> Group | None:
        """A new group that holds these processes, or None where there can be none."""
        above = _above()
        if above is None:
            return None
        folder = above / f"{PREFIX}{os.getpid()}-{next(_numbers)}"
        try:
            folder.mkdir()
            group = cls(folder, limits)
            group.cpu_seconds()
        except (OSError, ValueError):
            return None
        if all([_write(folder / "cgroup.procs", pid) for pid in pids]):
            return group
        group.end()
        return None

    def cpu_seconds(self) -> float:
        """What all that is or was in it has used."""
        about = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(about["usage_usec"]) / 1e6

    def ran_out_of_memory(self) -> bool:
        """Whether the system has ended a process of it for lack of memory."""
        with contextlib.suppress(OSError, ValueError):
            about = dict(line.split() for line in (self.folder / "memory.events").read_text().splitlines())
            return int(about.get("oom_kill", 0)) > 0
        return False

    def end(self) -> None:
        """Ends all that is in it. Should one take a while to go, the group is removed by the next that is made."""
        _write(self.folder / "cgroup.kill", 1)
        with contextlib.suppress(OSError):
            self.folder.rmdir()


@cache
def _above() -> Path | None:
    """The group in which this process may make others; what killed runs have left there is taken away."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        point = Path(next(words[4] for words in mounts if words[words.index("-") + 1] == "cgroup2"))
        above = point if os.geteuid() == 0 else point / own.lstrip("/")
        above = above.parent if above.name == GRADER else above
        if os.access(above, os.W_OK):
            _delegated(above)
            for left in above.glob(f"{PREFIX}[0-9]*-[0-9]*"):
                maker = int(left.name.split("-")[2])
                if maker == os.getpid() or not Path(f"/proc/{maker}").exists():
                    with contextlib.suppress(OSError):  # it is not empty
                        left.rmdir()
            return above
    return None


def _delegated(above: Path) -> None:
    """Asks for the controllers; where systemd has left the unit to us, our own processes make room for them."""
    wanted = " ".join(f"+{name}" for name in CONTROLLERS)
    try:
        (above / "cgroup.subtree_control").write_text(wanted)
    except OSError as error:
        if error.errno != errno.EBUSY or not any(_marked(above, name) for name in ("user", "trusted")):
            return
        (above / GRADER).mkdir(exist_ok=True)
        for pid in (above / "cgroup.procs").read_text().split():
            _write(above / GRADER / "cgroup.procs", int(pid))
        _write(above / "cgroup.subtree_control", wanted)


def _marked(above: Path, who: str) -> bool:
    """Whether systemd has marked the unit as delegated."""
    with contextlib.suppress(OSError):
        return os.getxattr(above, f"{who}.delegate") == b"1"
    return False


def _write(file: Path, value: object) -> bool:
    """Writes to a file that is there; whether that went well."""
    try:
        number = os.open(file, os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(number, str(value).encode())
        return True
    except OSError:
        return False
    finally:
        os.close(number)
