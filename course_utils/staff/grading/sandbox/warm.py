"""Kernels from a warm parent: a process in a sandbox that has imported what the notebooks need, and forks.

Importing torch takes longer than most answers. The parent does it once, in a sandbox of its own, and never sees a
submission. Each process that it forks

  1. leaves for namespaces of its own (processes, mounts, network and so on), where it is the first process,
  2. mounts fresh, empty, bounded file systems over all that can be written, and a /proc of its own processes only,
  3. gives up all privileges and puts on the limits and the filter on system calls,
  4. forks once more: the second process becomes the kernel; the first waits, and with its end all others end.

So a kernel has what a sandbox of its own would give it, and the parent's imports. `warm_parent` is what the parent
runs. These two files can be removed alone, with `--warm` and its line in `worker.serve`.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import subprocess
import sys
from pathlib import Path

from course_utils.staff.grading.sandbox.isolation import (
    CONFINED,
    INSIDE,
    Bubblewrap,
    Limits,
    Supplies,
    Unavailable,
    Workspace,
    kernel_environment,
)
from course_utils.staff.grading.sandbox.process import KERNEL_OPTIONS, NotStarted, goes_first

PARENT = "\n".join(
    [
        CONFINED,
        (INSIDE / "warm_parent.py").read_text(encoding="utf-8"),
        "serve(json.loads(sys.argv.pop(1)), confine, be_kernel)",
    ]
)
CONNECTION_FILE = "/tmp/kernel.json"  # in the kernel's own file system
FORK_SECONDS = 120.0  # that a kernel may take until it is apart from everything: the parent may still be importing
PRIVILEGES = ("SYS_ADMIN", "NET_ADMIN", "SETPCAP", "SETUID", "SETGID")  # of root's parent; its kernels have none


class Warm(Bubblewrap):
    """Fresh namespaces for each kernel, as `Bubblewrap` makes them, around a process forked from a warm parent."""

    name = "bubblewrap, warm"
    parent: Parent | None = None  # of this process, for all its kernels

    def start(self, manager, sockets, workspace, supplies, limits, imports) -> Forked:
        if Warm.parent is None or not Warm.parent.serves(supplies, imports):
            if Warm.parent is not None:
                Warm.parent.end()
            Warm.parent = Parent(self, supplies, limits, imports)
        connection = json.loads(Path(manager.connection_file).read_text(encoding="utf-8"))
        return Warm.parent.fork(self.order(connection, limits), sockets)

    def order(self, connection: dict, limits: Limits) -> dict:
        """What a forked process is told to be; see `warm_parent.become`."""
        return {
            "user_namespace": self.uid is None,
            "writable": self.writable,
            "size": limits.file_size,
            "home": self.home,
            "rules": self.rules(limits),
            "connection": connection,
            "file": CONNECTION_FILE,
            "arguments": [word.format(connection_file=CONNECTION_FILE) for word in KERNEL_OPTIONS],
        }

    def _settings(self) -> list[str]:
        """The parent's /proc is written to by the kernels' processes, which then mount a read-only one of their own."""
        return []

    def _namespaces(self) -> list[str]:
        """Those of the parent: its kernels will make their own in them."""
        words = [word for word in super()._namespaces() if word != "--disable-userns"]
        return words + ([f for p in PRIVILEGES for f in ("--cap-add", f"CAP_{p}")] if self.uid is not None else [])


class Parent:
    """The process that forks kernels, from outside."""

    def __init__(self, sandbox: Bubblewrap, supplies: Supplies, limits: Limits, imports: tuple[str, ...]) -> None:
        self.supplies, self.imports = supplies, imports
        self.orders, theirs = socket.socketpair()
        about = {"imports": imports, "orders": theirs.fileno()}
        words = [*sandbox.inside(supplies, limits, []), sys.executable, "-P", "-c", PARENT, json.dumps(about)]
        nowhere = subprocess.DEVNULL
        with theirs:
            self.process = subprocess.Popen(
                words, pass_fds=[theirs.fileno()], env=kernel_environment(sandbox.home, supplies),
                stdin=nowhere, stdout=nowhere, stderr=nowhere, preexec_fn=goes_first,
            )  # fmt: skip

    def serves(self, supplies: Supplies, imports: tuple[str, ...]) -> bool:
        """Whether it lives and has imported just this."""
        return self.process.poll() is None and (self.supplies, self.imports) == (supplies, imports)

    def fork(self, order: dict, sockets: list[socket.socket]) -> Forked:
        """A process for a kernel that listens at these sockets."""
        talk, theirs = socket.socketpair()
        talk.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with theirs:
            try:
                socket.send_fds(self.orders, [b"+"], [theirs.fileno(), *(one.fileno() for one in sockets)])
            except OSError as error:
                raise NotStarted(f"the warm parent ended: {error}") from None
        talk.sendall(json.dumps(order).encode() + b"\n")
        return Forked(talk, self.process.pid)

    def end(self) -> None:
        """Ends it, and all kernels that it has forked."""
        self.orders.close()
        self.process.kill()
        self.process.wait()


class Forked:
    """A kernel's process; `pid` is that of the first process in its namespaces."""

    def __init__(self, talk: socket.socket, child: int) -> None:
        self.talk, self.child = talk, child
        self._pid: int | None = None

    @property
    def pid(self) -> int:
        """Waits until the process is apart from everything. Raises NotStarted where it does not come to that."""
        if self._pid is None:
            self.talk.settimeout(FORK_SECONDS)
            try:
                said, about, _, _ = self.talk.recvmsg(1000, socket.CMSG_SPACE(12))
            except OSError as error:
                said, about = str(error).encode(), []
            if said != b"+":
                raise NotStarted(f"no kernel could be forked: {said.decode(errors='replace') or 'the parent ended'}")
            self._pid = next(struct.unpack("3i", data)[0] for _, _, data in about)
        return self._pid

    def alive(self) -> bool:
        """The first process holds the other end of the socket as long as it lives."""
        if not select.select([self.talk], [], [], 0)[0]:
            return True
        _ = self.pid  # what it says first
        return not select.select([self.talk], [], [], 0)[0]

    def end(self) -> None:
        """Nothing is left to be ended once its processes are killed."""
        self.talk.close()


def try_warm(folder: Path) -> None:
    """Forks one process, apart from everything. Raises Unavailable where that does not work."""
    workspace, sandbox = Workspace.make(folder), Warm()
    parent = Parent(sandbox, Supplies(workspace.work, workspace.home), Limits(), ())
    try:
        _ = parent.fork(sandbox.order({}, Limits()), []).pid
    except NotStarted as error:
        raise Unavailable(f"--warm does not work here ({error})", "leave it out, which takes longer") from None
    finally:
        parent.end()
