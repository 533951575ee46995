"""One isolated kernel: started, asked to run cells one by one, and ended.

Nothing that the kernel sends is trusted: messages are counted in bytes before they are parsed, what cannot be parsed is
ignored, and the time and the life of its processes are watched from outside.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import zmq
from jupyter_client.manager import KernelManager

from course_utils.checks.probing import MIME
from course_utils.staff.grading.sandbox.control_groups import Group
from course_utils.staff.grading.sandbox.isolation import MIB, Isolation, Limits, Supplies, Workspace, remove
from course_utils.staff.grading.sandbox.process import NotStarted, Process
from course_utils.staff.grading.sandbox.processes import descendants, kill

LARGEST_MESSAGE = 8 * MIB
START_SECONDS = 120.0
WARM_UP = "for _name in {}:\n    try:\n        __import__(_name)\n    except Exception:\n        pass\ndel _name"
OWN_MEMORY = 256 * MIB  # that this process may grow by while a cell runs
MOST_HANDLES = 4096  # open files, pipes and sockets of all processes: each may hold memory that no process has
MOST_FILES = 50_000  # on the sandbox's own file systems: a name takes a kilobyte, and their bound is on contents
ASLEEP = 0.2  # whoever wants the processor at no more of the looks has slept
LATE_OUTPUT = 50  # times that nothing comes within a tenth of a second, between the reply and the end of the output


@dataclass
class Outcome:
    """What running one cell came to.

    ended: why the kernel is no more ("timeout", "memory", "output", "died"), or "". error: name and text of the
    exception that the cell raised. probes: the data of the probe outputs that it displayed. by_clock: its time was over
    by the clock though it wanted the processor: what else the machine did had a say.
    """

    ended: str = ""
    error: str = ""
    error_text: str = ""
    probes: list[dict] = field(default_factory=list)
    by_clock: bool = False


class Kernel:
    """A running kernel. `run` runs a cell's source in it; once an outcome says that it `ended`, it is gone.

    It is started at once, and imports the modules `imports` before anything else; `wait` waits until it is ready.
    """

    def __init__(
        self, isolation: Isolation, folder: Path, supplies: Supplies, limits: Limits, imports: tuple[str, ...] = ()
    ) -> None:
        self.limits, self.ready = limits, False
        self.group: Group | None = None  # before a line of a student's code runs
        self.writable = isolation.writable
        self.workspace = Workspace.make(folder)
        self.manager = KernelManager(
            kernel_name="course",
            transport="tcp" if sys.platform == "win32" else "ipc",
            connection_file=str(self.workspace.meeting / "kernel.json"),
        )
        self.manager.write_connection_file()
        with contextlib.ExitStack() as handed:
            sockets = [handed.enter_context(one) for one in isolation.admit(self.workspace, supplies)]
            self.process = isolation.start(self.manager, sockets, self.workspace, supplies, limits, imports)
        self.client = self.manager.client()
        self._bound_messages()
        self.client.start_channels(stdin=False, hb=False)
        self.poller = zmq.Poller()
        self.channels = {"shell": self.client.shell_channel.socket, "iopub": self.client.iopub_channel.socket}
        for socket in self.channels.values():
            self.poller.register(socket, zmq.POLLIN)
        if imports:
            self.client.execute(WARM_UP.format(imports), silent=True, store_history=False, allow_stdin=False)

    def wait(self) -> None:
        """Waits until the kernel answers and its output is heard. Raises NotStarted where it does not come to that."""
        if self.ready:
            return
        deadline, asked = time.monotonic() + START_SECONDS, 0.0
        heard: set[str] = set()
        while heard != set(self.channels):
            now = time.monotonic()
            if now > deadline or not self.process.alive():
                self.end()
                raise NotStarted("the kernel did not start")
            if now - asked > 1.0:  # again, should its output have begun before it was listened to
                asked = now
                self.client.kernel_info()
            for socket, _ in self.poller.poll(100):
                socket.recv_multipart()
                heard.add(next(name for name, own in self.channels.items() if own is socket))
        self.group = Group.of([process.pid for process in _family(self.process)], self.limits)
        self.ready = True

    def _bound_messages(self) -> None:
        """Sockets of this client refuse a message that is too large before it is in memory, and queue few of them."""
        self.client.context.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        self.client.context.setsockopt(zmq.RCVHWM, 100)

    def run(self, source: str) -> Outcome:
        """Runs one cell to its end, or to the end of what it may use."""
        self.wait()
        outcome, watch = Outcome(), _Watch(self)
        request = self.client.execute(source, store_history=False, allow_stdin=False, stop_on_error=False)
        replied, idle, silent = False, False, 0
        while not (replied and idle):
            ready = dict(self.poller.poll(100))
            for name, socket in self.channels.items():
                if socket in ready:
                    kind, content = self._receive(socket, request, watch)
                    if name == "shell" and kind == "execute_reply":
                        replied = True
                        _note_error(outcome, content)
                    elif kind == "status":
                        idle = idle or content.get("execution_state") == "idle"
                    elif kind == "display_data":
                        _note_probe(outcome, content)
            over = watch.verdict(bool(ready))
            silent += replied and not ready
            # a reply without the end of its output: a message was too large to be let in
            outcome.ended = over or ("output" if silent > LATE_OUTPUT else "")
            outcome.by_clock = watch.by_clock or outcome.ended != over
            if outcome.ended:
                self.end()
                return outcome
        return outcome

    def _receive(self, socket: zmq.Socket, request: str, watch: _Watch) -> tuple[str, dict]:
        """One message: its type and content, if it belongs to the request and can be read; else ("", {})."""
        frames = socket.recv_multipart()
        watch.received += sum(map(len, frames))
        try:
            _, rest = self.client.session.feed_identities(frames)
            message = self.client.session.deserialize(rest)
            content = message["content"]
            if message["parent_header"].get("msg_id") == request and isinstance(content, dict):
                return str(message["msg_type"]), content
        except Exception:  # noqa: BLE001 - not a message of the protocol: the student's code may have written it
            pass
        return "", {}

    def end(self) -> None:
        """Kills the kernel and every process that it has started."""
        family = _family(self.process)
        kill(family)
        with contextlib.suppress(Exception):  # the kernel is dead; what is said of that does not matter
            self.client.stop_channels()
        with contextlib.suppress(Exception):
            self.process.end()
        psutil.wait_procs(family, timeout=2)
        if self.group is not None:
            self.group.end()
        remove(self.workspace.meeting.parent)


class _Watch:
    """What a running cell has used so far, seen from outside the kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.limits = kernel, kernel.limits
        self.received = 0
        self.started = self.looked = time.monotonic()
        family = _family(kernel.process)
        self.cpu_before, self.own_cpu_before = _cpu_seconds(family), _own_cpu_seconds(family)
        self.own_cpu = self.own_cpu_before
        self.group_cpu_before = kernel.group.cpu_seconds() if kernel.group is not None else 0.0
        self.memory = 0
        self.by_clock = False  # whether its time is over by the clock, though it wanted the processor
        self.looks = self.awake = 0  # how often it was looked at, and was not found to wait for something else
        self.own = psutil.Process()
        self.own_before = self.own.memory_info().rss

    def verdict(self, busy: bool) -> str:
        """Why the kernel has to end now, or "". Looks at the processes at most ten times a second."""
        if self.received > self.limits.output:
            return "output"
        now = time.monotonic()
        if busy and now - self.looked < 0.1:
            return ""
        self.looked = now
        family = _family(self.kernel.process)
        self.looks += 1
        self.awake += any(map(_is_awake, family))
        group = self.kernel.group
        if group is not None and group.ran_out_of_memory():
            return "memory"
        if not family or not self.kernel.process.alive():
            return "memory" if self.memory > 0.9 * self.limits.memory else "died"
        self.memory = max(self.memory, _largest_memory(family))
        if not (group is not None and group.bounds_memory) and self._too_much_memory(family):
            return "memory"
        if self.own.memory_info().rss - self.own_before > OWN_MEMORY:
            return "output"  # messages that wait here, or a single one that does not end
        cpu = self._cpu(family)
        if cpu > self.limits.cpu_seconds:
            return "timeout"
        late = now - self.started > self.limits.wall_seconds
        self.by_clock = late and self.awake > ASLEEP * self.looks
        return "timeout" if late else ""

    def _too_much_memory(self, family: list[psutil.Process]) -> bool:
        return _total_memory(family, self.limits.memory) > self.limits.memory or self._hoards(family)

    def _cpu(self, family: list[psutil.Process]) -> float:
        """CPU seconds of the cell. Without a control group the system adds up those of children that were waited for;
        of others that are gone, what was last seen counts."""
        if self.kernel.group is not None:
            return self.kernel.group.cpu_seconds() - self.group_cpu_before
        self.own_cpu = self.own_cpu | _own_cpu_seconds(family)
        own = sum(seconds - self.own_cpu_before.get(process, 0.0) for process, seconds in self.own_cpu.items())
        return max(own, _cpu_seconds(family) - self.cpu_before)

    def _hoards(self, family: list[psutil.Process]) -> bool:
        """Whether the processes hold what takes memory and is counted for none of them."""
        return _handles(family) > MOST_HANDLES or _files(family[-1].pid, self.kernel.writable) > MOST_FILES


def _note_error(outcome: Outcome, content: dict) -> None:
    if content.get("status") != "ok":
        outcome.error = str(content.get("ename") or "error")[:100]
        outcome.error_text = str(content.get("evalue") or "")[:1000]


def _note_probe(outcome: Outcome, content: dict) -> None:
    data = content.get("data")
    if isinstance(data, dict) and isinstance(data.get(MIME), dict):
        outcome.probes.append(data[MIME])


def _family(kernel: Process) -> list[psutil.Process]:
    """The kernel's process and all that descend from it; empty when it is gone."""
    with contextlib.suppress(psutil.Error, NotStarted):
        head = psutil.Process(kernel.pid)
        if head.status() != psutil.STATUS_ZOMBIE:
            return [head, *descendants(head)]
    return []


def _is_awake(process: psutil.Process) -> bool:
    """Whether it runs, would run if a processor were free, or waits for the disk."""
    with contextlib.suppress(psutil.Error):
        return process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
    return False


def _cpu_seconds(family: list[psutil.Process]) -> float:
    total = 0.0
    for process in family:
        with contextlib.suppress(psutil.Error):
            used = process.cpu_times()
            total += used.user + used.system + getattr(used, "children_user", 0) + getattr(used, "children_system", 0)
    return total


def _own_cpu_seconds(family: list[psutil.Process]) -> dict[psutil.Process, float]:
    """What each has used itself, without its children."""
    own = {}
    for process in family:
        with contextlib.suppress(psutil.Error):
            used = process.cpu_times()
            own[process] = used.user + used.system
    return own


def _largest_memory(family: list[psutil.Process]) -> int:
    largest = 0
    for process in family:
        with contextlib.suppress(psutil.Error):
            largest = max(largest, process.memory_info().vms)
    return largest


def _total_memory(family: list[psutil.Process], enough: int) -> int:
    """What the processes hold in memory together. What they share counts once, which takes long to find out: it is
    looked at only where they hold more than `enough` otherwise."""
    total = shared_once = 0
    for process in family:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    if total <= enough:
        return total
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                about = process.memory_full_info()
            except psutil.AccessDenied:  # a process may forbid to look into it
                about = process.memory_info()
            shared_once += getattr(about, "pss", about.rss)
    return shared_once


def _handles(family: list[psutil.Process]) -> int:
    """How many files, pipes and sockets are open. The system's own limit holds for one process: few need no count."""
    total = 0
    for process in family if len(family) > 4 else []:
        with contextlib.suppress(OSError):  # it has just ended
            total += len(os.listdir(f"/proc/{process.pid}/fd"))
    return total


def _files(pid: int, places: tuple[str, ...]) -> int:
    """How many files there are in these places, as the process sees them."""
    total = 0
    for place in places:
        with contextlib.suppress(OSError):
            about = os.statvfs(f"/proc/{pid}/root{place}")
            total += about.f_files - about.f_ffree
    return total
