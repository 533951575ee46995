"""Runs a notebook from top to bottom in a fresh kernel, under conditions that are the same on every machine.

The kernel is this interpreter's own and starts in an empty temporary folder: a lecture can neither lean on a file that
a student does not have nor leave one behind. Nobody's IPython or matplotlib settings are read, `interact` shows its
defaults alone (COURSE_BUILD), figures are drawn inline and strings hash the same way each time.
"""

import asyncio
import contextlib
import copy
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from course_utils.notebooks import joined
from course_utils.staff.authoring.notebook_files import Notebook
from course_utils.staff.authoring.problems import Problem

CELL_SECONDS = 600


class ExecutionError(Exception):
    """The notebook cannot be published as it ran; `problems` says why."""

    def __init__(self, problems: list[Problem]):
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


async def executed(notebook: Notebook) -> dict:
    """The notebook's content with fresh outputs. ExecutionError on an error, on stderr, or when the kernel dies."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    content = nbformat.from_dict(unexecuted(notebook.content))
    assert isinstance(content, nbformat.NotebookNode)  # of a dict; of a list it would be a list
    client = NotebookClient(content, timeout=CELL_SECONDS, record_timing=False, coalesce_streams=True)
    begun = []
    client.on_notebook_start = lambda notebook: leave_signals_alone()
    client.on_cell_execute = lambda cell, cell_index: begun.append(cell["id"])
    with tempfile.TemporaryDirectory(prefix="course-") as temporary:
        folder = Path(temporary)
        (folder / "cwd").mkdir()
        client.km = own_kernel(folder)
        try:
            # what cells write to stderr still comes as output; the kernel's own complaints at its end do not
            where = {"cwd": str(folder / "cwd"), "env": environment(folder)}
            await client.async_execute(**where, stderr=subprocess.DEVNULL)
        except CellExecutionError as error:
            raise ExecutionError([notebook.problem(begun[-1], f"{error.ename}: {error.evalue}")]) from error
        except CellTimeoutError as error:
            raise ExecutionError([notebook.problem(begun[-1], f"ran for more than {CELL_SECONDS} s")]) from error
        except DeadKernelError as error:
            raise ExecutionError([notebook.problem(begun[-1] if begun else None, "the kernel died")]) from error
    problems = output_problems(notebook, content)
    if problems:
        raise ExecutionError(problems)
    return content


def output_problems(notebook: Notebook, content: dict) -> list[Problem]:
    """Stored outputs that no published notebook may have: errors, and anything on stderr."""
    problems = []
    for cell in content["cells"]:
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                problems.append(notebook.problem(cell, f"its output is {output['ename']}: {output['evalue']}"))
            elif output.get("name") == "stderr":
                last_line = (joined(output["text"]).strip().splitlines() or [""])[-1]
                problems.append(notebook.problem(cell, f"it wrote to stderr: {last_line:.200}"))
    return problems


def unexecuted(content: dict) -> dict:
    """A copy without outputs, its sources joined."""
    content = copy.deepcopy(content)
    for cell in content["cells"]:
        cell["source"] = joined(cell["source"])
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
    return content


def leave_signals_alone() -> None:
    """Undoes nbclient's handlers, which answer Ctrl-C by stopping one kernel: it has to stop the whole build."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, or not in the main thread
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)


def own_kernel(folder: Path):
    """A kernel manager that knows only this interpreter's ipykernel, whatever kernels the machine has installed."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    return AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        transport="tcp" if os.name == "nt" else "ipc",  # sockets in our own folder need no network
        connection_file=str(folder / "kernel.json"),
    )


def environment(folder: Path) -> dict[str, str]:
    """The environment of the kernel; `folder` holds the empty settings that it reads."""
    (folder / "matplotlibrc").touch()
    return os.environ | {
        "COURSE_BUILD": "1",  # `figure` refuses what cannot be read by everybody; `interact` stands still
        "IPYTHONDIR": str(folder / "ipython"),
        "MATPLOTLIBRC": str(folder / "matplotlibrc"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else the debugger may warn on stderr
        "PYTHONHASHSEED": "0",
    }
