"""Kernels that are started ahead: while one works, the next imports what the notebook needs. Each is used once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from course_utils.staff.grading.sandbox.isolation import Isolation, Limits, Supplies
from course_utils.staff.grading.sandbox.kernel import Kernel


class KernelPool:
    """Gives out fresh kernels, and keeps one more in readiness as long as `ahead` says that another will be wanted.

    isolation makes one for each kernel. folder: where their rooms are made. imports: modules that a kernel imports
    before it is asked for.
    """

    def __init__(self, isolation: Callable[[], Isolation], folder: Path, supplies: Supplies, limits: Limits) -> None:
        self.isolation, self.folder, self.supplies, self.limits = isolation, folder, supplies, limits
        self.imports: tuple[str, ...] = ()
        self.ahead = False
        self.spare: Kernel | None = None

    def take(self) -> Kernel:
        """A kernel that nobody has used, ready to run. Raises NotStarted or OSError."""
        kernel, self.spare = self.spare or self._start(), None
        if self.ahead:
            self.spare = self._start()
        kernel.wait()
        return kernel

    def close(self) -> None:
        """Ends the kernel that waits."""
        spare, self.spare = self.spare, None
        if spare is not None:
            spare.end()

    def _start(self) -> Kernel:
        return Kernel(self.isolation(), self.folder, self.supplies, self.limits, self.imports)
