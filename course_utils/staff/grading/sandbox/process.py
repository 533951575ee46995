"""The process of a kernel, from outside."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import KernelManager

KERNEL_OPTIONS = ["-f", "{connection_file}", "--HistoryManager.enabled=False"]  # the manager fills in the file


class NotStarted(RuntimeError):
    """No kernel could be started: the fault of this machine, not of a submission."""


class Process(Protocol):
    """Its number on this machine, whether it lives, and its end. child: that of our own children that it lives by."""

    child: int

    @property
    def pid(self) -> int: ...

    def alive(self) -> bool: ...

    def end(self) -> None: ...


class _OneSpec(KernelSpecManager):
    """Knows one kernel: ours. What is installed on the machine, and what a notebook names, has no part in it."""

    spec: KernelSpec

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return self.spec


def goes_first() -> None:
    """Before a stranger's process starts: should the machine's memory run out after all, it is the one to go."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


class Command:
    """A kernel that is started as a command, by jupyter's manager."""

    def __init__(
        self,
        manager: KernelManager,
        words: list[str],
        environment: dict[str, str],
        folder: Path,
        sockets: list[socket.socket],
    ) -> None:
        specs = _OneSpec()
        specs.spec = KernelSpec(argv=words + KERNEL_OPTIONS, display_name="course", language="python")
        manager.kernel_spec_manager = specs
        nowhere = subprocess.DEVNULL
        inherited: dict = {"pass_fds": [one.fileno() for one in sockets]} if sockets else {}
        inherited |= {"preexec_fn": goes_first} if sys.platform == "linux" else {}
        manager.start_kernel(
            env=environment, cwd=str(folder), stdin=nowhere, stdout=nowhere, stderr=nowhere, **inherited
        )
        self.manager = manager
        self.pid = self.child = manager.provisioner.pid  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]

    def alive(self) -> bool:
        return self.manager.is_alive()

    def end(self) -> None:
        self.manager.shutdown_kernel(now=True)
