"""How a kernel that runs a stranger's code is started, and what it may use.

An isolation turns the command of a kernel into the command that is really run. There are two: `Limits only` bounds
time, memory, processes and file sizes of an ordinary process; `Bubblewrap` also takes away the network, the file
system and every other process. Whatever is behind it, the kernel gets a clean environment, an empty working directory
and, as the package `course_utils`, a copy of what students may see of it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from course_utils import project
from course_utils.project import PACKAGE
from course_utils.staff.grading.sandbox.system_calls import Unavailable, filter_program

if TYPE_CHECKING:  # takes long, and a run that only wants to know the limits does without
    from jupyter_client.manager import KernelManager

    from course_utils.staff.grading.sandbox.process import Process

# What of the package a kernel sees. A list of what is allowed: what is new is hidden until somebody puts it here.
SEEN = (
    *(
        "__init__.py",
        "py.typed",
        "project.py",
        "log_space.py",
        "toy_language.py",
        "lesson.py",
        "coding.py",
        "strips.py",
        "ledger.py",
    ),
    *("checks", "classroom", "lessons", "plots", "scoring", "language_model"),
)
# Ends with the run, however that ends: else it would write into a folder that the next run has taken away.
LIST_FONTS = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != int(sys.argv[1]):
        sys.exit()
import matplotlib.font_manager"""
FONTS = "matplotlib"  # folder in the kernel's home: matplotlib takes its list of fonts only from where it may write
# What a kernel sees of the system (see `needed`): of each prefix, and of /etc.
PROGRAMS = ("bin", "lib", "lib32", "lib64")
SHARED = tuple(f"share/{name}" for name in "fontconfig fonts i18n locale matplotlib mime zoneinfo".split())
CONFIGURATION = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime")
MIB = 1024 * 1024
SETTINGS = Path("/proc/sys")
NAMESPACES = (  # settings of Linux: the value that forbids an ordinary user to make namespaces, and one that allows it
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "15000"),
)

# What a kernel's process runs. argv[1]: rules (see `launcher.confine`); what follows are the kernel's own arguments.
INSIDE = Path(__file__).with_name("inside")
CONFINED = (INSIDE / "launcher.py").read_text(encoding="utf-8")
LAUNCHER = f"{CONFINED}\nimport json\n\nconfine(json.loads(sys.argv.pop(1)))\nbe_kernel()\n"


# Looks for folders by their canaries, in all that can be seen from within; the system's own numbers stay out.
SEARCH = """
import json, os, sys
canaries = {(device, number): what for what, (device, number) in json.loads(sys.argv[1]).items()}
found, waiting = [], ["/"]
while waiting:
    place = waiting.pop()
    try:
        about = os.lstat(place)
        if (about.st_dev, about.st_ino) in canaries:
            found.append([canaries[about.st_dev, about.st_ino], place])
        with os.scandir(place) as entries:
            waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        pass
    waiting = [one for one in waiting if one not in ("/proc", "/dev")] if place == "/" else waiting
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Limits:
    """What one submission may use. A cell is over its time when either of its two limits is passed.

    What is counted by the clock follows from the CPU seconds, unless it is given: wide, so that on a busy machine the
    CPU seconds decide. Raises ValueError for limits of which one would cut off what another allows.
    """

    cpu_seconds: float = 10.0  # of one cell, over all processes of the kernel
    wall_seconds: float = 0.0  # of one cell, by the clock; 0: six times the CPU seconds, a minute at least
    total_seconds: float = 0.0  # of one submission, by the clock; 0: ten times a cell's
    memory: int = 4096 * MIB  # address space of one process
    processes: int = 256
    file_size: int = 64 * MIB
    output: int = 16 * MIB  # bytes that one cell may send

    def __post_init__(self) -> None:
        object.__setattr__(self, "wall_seconds", self.wall_seconds or max(60.0, 6 * self.cpu_seconds))
        object.__setattr__(self, "total_seconds", self.total_seconds or 10 * self.wall_seconds)
        if not (0 < self.cpu_seconds and self.wall_seconds <= self.total_seconds):
            raise ValueError(f"{self}: a submission must have the time that one of its cells may take")

    def resource_limits(self, processes_already: int = 0) -> dict[str, int]:
        """The limits that the system itself enforces, by the names of Python's `resource`."""
        return {
            "RLIMIT_AS": self.memory,
            "RLIMIT_DATA": self.memory,
            "RLIMIT_CPU": int(self.total_seconds) + 60,  # a backstop: the grader counts CPU seconds by cell
            "RLIMIT_NPROC": self.processes + processes_already,
            "RLIMIT_FSIZE": self.file_size,
            "RLIMIT_NOFILE": 512,
            "RLIMIT_CORE": 0,
            "RLIMIT_MEMLOCK": 0,
            "RLIMIT_MSGQUEUE": 0,
            "RLIMIT_SIGPENDING": 1024,
        }


@dataclass(frozen=True)
class Workspace:
    """The folders of one kernel: where it meets the grader, where it starts (`work`, empty), and its home."""

    meeting: Path
    work: Path
    home: Path

    @classmethod
    def make(cls, folder: Path) -> Workspace:
        """New, empty folders below `folder`."""
        own = Path(tempfile.mkdtemp(dir=folder, prefix="k"))
        workspace = cls(own / "meeting", own / "work", own / "home")
        for path in (workspace.meeting, workspace.work, workspace.home):
            path.mkdir()
        return workspace


def remove(folder: Path, last: str = "") -> None:
    """Removes a folder that a stranger's code has written to, however deep it is and whatever its modes are.

    Everything goes by the descriptors of folders, and no link is followed: what somebody else puts in the place of a
    folder meanwhile is not entered. Folders within folders are moved up before they are entered: no path gets long, and
    nothing is recursive. What cannot be removed stays. The file `last` goes when all else is gone.
    """
    if not shutil.rmtree.avoids_symlink_attacks:  # a system without such descriptors
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        with _opened(folder) as top:
            empty(top, last)
        os.rmdir(folder)


def empty(top: int, last: str = "") -> None:
    """Removes what is in the open folder `top`, the file `last` after all else."""
    moved, stuck = itertools.count(), {last}
    with contextlib.suppress(OSError):
        while entries := [entry for entry in os.scandir(top) if entry.name not in stuck]:
            for entry in entries:
                try:
                    _remove_level(entry, top, lambda: f".moved-{secrets.token_hex(4)}-{next(moved)}")
                except OSError:
                    stuck.add(entry.name)
        if last and stuck == {last}:
            os.unlink(last, dir_fd=top)


def _remove_level(entry: os.DirEntry, top: int, new_name: Callable[[], str]) -> None:
    """Removes a file of the open folder `top`, or a folder after the folders in it have been moved to `top`."""
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.name, dir_fd=top)
        return
    with _opened(entry.name, top) as level:
        for inner in list(os.scandir(level)):
            if inner.is_dir(follow_symlinks=False):
                with _opened(inner.name, level):  # one that may not be written to may not be moved
                    os.rename(inner.name, new_name(), src_dir_fd=level, dst_dir_fd=top)
            else:
                os.unlink(inner.name, dir_fd=level)
    os.rmdir(entry.name, dir_fd=top)


@contextlib.contextmanager
def _opened(name: Path | str, within: int | None = None) -> Iterator[int]:
    """The descriptor of a folder, which its owner may then read and change; of a link there is none."""
    flags = os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        number = os.open(name, os.O_RDONLY | flags, dir_fd=within)
    except PermissionError:
        if not hasattr(os, "O_PATH"):
            os.chmod(name, 0o700, dir_fd=within, follow_symlinks=False)
        else:
            place = os.open(name, os.O_PATH | flags, dir_fd=within)
            os.chmod(f"/proc/self/fd/{place}", 0o700)
            os.close(place)
        number = os.open(name, os.O_RDONLY | flags, dir_fd=within)
    try:
        os.fchmod(number, 0o700)
        yield number
    finally:
        os.close(number)


@dataclass(frozen=True)
class Supplies:
    """What all kernels of a run read: the students' copy of the package, and matplotlib's list of fonts."""

    package: Path
    fonts: Path

    @classmethod
    def make(cls, folder: Path) -> Supplies:
        supplies = cls(folder / "package", folder / "fonts")
        copy_for_students(supplies.package / "course_utils")
        supplies.fonts.mkdir()
        own = ("MPLCONFIGDIR", "XDG_CACHE_HOME", "TMPDIR")  # whatever is cached on the way goes with the folder
        words = [sys.executable, "-c", LIST_FONTS, str(os.getpid())]
        environment = os.environ | dict.fromkeys(own, str(supplies.fonts))
        subprocess.run(words, env=environment, capture_output=True, check=False)
        return supplies


def copy_for_students(target: Path) -> None:
    """Copies what kernels may see of this package."""
    target.mkdir(parents=True)
    for name in SEEN:
        if (PACKAGE / name).is_dir():
            shutil.copytree(PACKAGE / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(PACKAGE / name, target / name)


class Isolation(Protocol):
    """How kernels are kept apart from everything else.

    `name` stands in run.json. `writable` are the folders that a kernel has to itself, as it sees them. `admit` lets the
    kernel into its workspace before it starts; the sockets that it returns are to be handed to its process. `start`
    starts that process for the manager's connection; the modules `imports` may be imported already. Raises NotStarted
    or OSError.
    """

    name: str
    writable: tuple[str, ...]

    def admit(self, workspace: Workspace, supplies: Supplies) -> list[socket.socket]: ...

    def start(
        self,
        manager: KernelManager,
        sockets: list[socket.socket],
        workspace: Workspace,
        supplies: Supplies,
        limits: Limits,
        imports: tuple[str, ...],
    ) -> Process: ...


def kernel_environment(home: str, supplies: Supplies) -> dict[str, str]:
    """The whole environment of a kernel."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    windows = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP") if os.name == "nt" and name in os.environ}
    return (
        threads
        | windows
        | {
            "HOME": home,
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "IPYTHONDIR": os.path.join(home, "ipython"),
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": os.path.join(home, FONTS),
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(supplies.package),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )


def rules(limits: dict[str, int], uid: int | None = None, system_calls: bytes = b"") -> dict:
    """What a process has to put on before it is a kernel; see `launcher.confine`."""
    return {"limits": limits, "uid": uid, "filter": system_calls.hex()}


def kernel_arguments(rules: dict) -> list[str]:
    """The interpreter and what makes a kernel of it; the kernel's own options follow."""
    return [sys.executable, "-P", "-c", LAUNCHER, json.dumps(rules)]


class LimitsOnly:
    """An ordinary process with limits. It keeps honest mistakes from doing harm; it does not stop an attacker."""

    name = "limits only"
    writable = ()

    def admit(self, workspace: Workspace, supplies: Supplies) -> list[socket.socket]:
        shutil.copytree(supplies.fonts, workspace.home / FONTS)
        return []

    def start(self, manager, sockets, workspace, supplies, limits, imports) -> Process:
        from course_utils.staff.grading.sandbox.process import Command

        words = kernel_arguments(rules(limits.resource_limits(own_threads())))
        environment = kernel_environment(str(workspace.home), supplies)
        return Command(manager, words, environment, workspace.work, sockets)


def own_threads() -> int:
    """How many threads this user runs: the system's process limit counts them all."""
    import psutil

    if not hasattr(os, "getuid"):
        return 0
    running = psutil.process_iter(["uids", "num_threads"])
    mine = [p.info["num_threads"] or 1 for p in running if p.info["uids"] and p.info["uids"].real == os.getuid()]
    return sum(mine)


class Bubblewrap:
    """A fresh sandbox for each kernel: no network, a read-only system, nothing of this machine's people in sight.

    For root the sandbox is made without a user namespace and the kernel then becomes a user whom nobody else is: root
    itself is exempt from the limit on processes.
    """

    name = "bubblewrap"
    home = "/home/student"
    writable = ("/tmp", "/dev/shm", home)

    def __init__(self) -> None:
        self.uid = 2_000_000_000 + secrets.randbelow(2_000_000_000) if os.getuid() == 0 else None

    def admit(self, workspace: Workspace, supplies: Supplies) -> list[socket.socket]:
        """The kernel listens at sockets that are made here: it need not write into any folder of this machine."""
        (connection,) = workspace.meeting.iterdir()
        about = json.loads(connection.read_text(encoding="utf-8"))
        if self.uid is not None:
            os.chown(connection, self.uid, self.uid)
            workspace.meeting.chmod(0o711)
        sockets = []
        for name in ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"):
            one = socket.socket(socket.AF_UNIX)
            one.bind(f"{about['ip']}-{about[name]}")
            one.listen()
            one.setblocking(False)
            sockets.append(one)
        return sockets

    def start(self, manager, sockets, workspace, supplies, limits, imports) -> Process:
        from course_utils.staff.grading.sandbox.process import Command

        environment = kernel_environment(self.home, supplies)
        return Command(manager, self.command(workspace, supplies, limits), environment, workspace.work, sockets)

    def command(self, workspace: Workspace, supplies: Supplies, limits: Limits) -> list[str]:
        return self.inside(supplies, limits, [workspace.meeting]) + kernel_arguments(self.rules(limits))

    def rules(self, limits: Limits) -> dict:
        return rules(limits.resource_limits(), self.uid, self._system_calls())

    def inside(self, supplies: Supplies, limits: Limits, shown: list[Path]) -> list[str]:
        """The words that run a command in a sandbox, in which these folders too are seen."""
        words = ["bwrap", *self._namespaces(), "--proc", "/proc", "--dev", "/dev"]
        words += ["--tmpfs", "/dev/pts", "--remount-ro", "/dev/pts"]  # pseudo-terminals: the machine has so many in all
        for folder in self.writable:
            words += ["--perms", "1777", "--size", str(limits.file_size), "--tmpfs", folder]
        words += self._system(supplies, shown)
        # Of /proc, above all, oom_score_adj: nobody makes themselves the last to go when memory runs out.
        words += self._settings() + ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", self.home, "--clearenv"]
        for name, value in kernel_environment(self.home, supplies).items():
            words += ["--setenv", name, value]
        return words

    def _settings(self) -> list[str]:
        return ["--remount-ro", "/proc"]

    def _system_calls(self) -> bytes:
        return filter_program()

    def _namespaces(self) -> list[str]:
        common = ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        if self.uid is not None:
            apart = [f"--unshare-{kind}" for kind in ("ipc", "pid", "net", "uts", "cgroup-try")]
            return common + apart + ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        return common + ["--unshare-all", "--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534"]

    def _system(self, supplies: Supplies, shown: list[Path]) -> list[str]:
        """Binds, all read-only; private parents (/root) are made anew, to be entered."""
        seen = needed()
        mounts = {
            path: ["--symlink", os.readlink(path)] if path.is_symlink() else ["--ro-bind", str(path)] for path in seen
        }
        course = project.find_course()
        secret = [path for path in (course, PACKAGE) if path and any(path.is_relative_to(one) for one in seen)]
        mounts |= {path: ["--tmpfs"] for path in secret}
        mounts |= {path: ["--ro-bind", str(path)] for path in (supplies.package, *shown)}
        words = []
        for parent in sorted({p for path in mounts for p in list(path.parents)[:-1]}):
            within = any(parent.is_relative_to(path) for path in (*seen, supplies.package))
            if not within and str(parent) not in ("/tmp", "/home", self.home):
                words += ["--perms", "0755", "--dir", str(parent)]
        for path, how in sorted(mounts.items()):  # what lies within another comes after it
            words += [*how, str(path)]
        for path in secret:
            words += ["--remount-ro", str(path)]
        words += ["--perms", "1777", "--dir", f"{self.home}/{FONTS}"]
        for path in sorted(supplies.fonts.iterdir()):
            words += ["--ro-bind", str(path), f"{self.home}/{FONTS}/{path.name}"]
        return words


def needed() -> list[Path]:
    """What lessons need of this system: programs, libraries, Python with its packages, fonts, time zones, languages.

    Of a prefix it is these folders only: others in it may hold anything, such as a clone of the course in `src`.
    """
    prefixes = [Path("/usr"), Path("/usr/local"), Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()]
    found = [prefix / name for prefix in prefixes for name in (*PROGRAMS, *SHARED)]
    found += [Path(sys.prefix).resolve() / "pyvenv.cfg"]
    found += [Path(name) for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", *CONFIGURATION)]
    return sorted({path for path in found if path.exists()})


def find_sandbox(folder: Path) -> Bubblewrap:
    """The sandbox, after it has run a Python inside. Raises Unavailable where it cannot."""
    if sys.platform != "linux":
        raise Unavailable("the sandbox needs Linux", "grade on a Linux machine, in WSL or in a virtual machine")
    filter_program()
    if shutil.which("bwrap") is None:
        raise Unavailable(
            "the sandbox needs bubblewrap", "install it with your package manager (`apt install bubblewrap`)"
        )
    sandbox = Bubblewrap()
    done = _tried(sandbox, folder, "import ipykernel, numpy")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        if reason.startswith("ModuleNotFoundError"):
            outside = f"install the course in {sys.prefix}: no other place's packages are seen in the sandbox"
            raise Unavailable(f"the sandbox lacks packages ({reason[:200]})", outside)
        raise Unavailable(f"bubblewrap does not work here ({reason[:200]})", _remedy())
    return sandbox


def prove_hidden(folder: Path, secrets: dict[str, Path]) -> None:
    """Looks from within a sandbox for what no student may see, and finds none of it. Raises Unavailable.

    folder: of the run. secrets: folders or files, by what they are to the operator; the course, its judges and the
    folder of the run are always among them.
    """
    course = project.find_course()
    hidden = secrets | {"the judges": PACKAGE, "the folder of this run": folder}
    hidden |= {"the repository": course, "the solutions": course / "solutions"} if course else {}
    control = "what is seen"  # which a search that works finds
    canaries = json.dumps({what: _canary(path) for what, path in (hidden | {control: Path("/usr/bin")}).items()})
    done = _tried(Bubblewrap(), folder, SEARCH, canaries)
    found = json.loads(done.stdout) if not done.returncode else []
    if control not in [what for what, _ in found]:
        reason = (done.stderr.strip().splitlines() or ["nothing was found"])[-1]
        raise Unavailable(f"what the sandbox shows could not be searched ({reason[:200]})", _remedy())
    for what, place in (one for one in found if one[0] != control):
        raise Unavailable(
            f"the sandbox would show {what} to the students' code ({place})",
            "it shows where Python, its packages and the system's programs lie; keep your own files elsewhere",
        )


def _tried(sandbox: Bubblewrap, folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python that runs this code in the sandbox, from its start to its end."""
    workspace = Workspace.make(folder)
    words = sandbox.inside(Supplies(workspace.work, workspace.home), Limits(), [workspace.meeting])
    words += [sys.executable, "-c", code, *arguments]
    return subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=600, check=False)


def _canary(path: Path) -> tuple[int, int]:
    """The number of a folder on its disk, which it has wherever it is seen; where it is yet to be made, of the one
    above it, and of a file, of its folder."""
    while not path.is_dir():
        path = path.absolute().parent
    about = path.stat()
    return about.st_dev, about.st_ino


def _remedy() -> str:
    """What to do where a sandbox cannot be made."""
    for setting, forbids, allows in NAMESPACES:
        with contextlib.suppress(OSError):
            if (SETTINGS / setting.replace(".", "/")).read_text().strip() == forbids:
                return f"allow user namespaces: sudo sysctl {setting}={allows}"
    return "see that user namespaces are allowed here; a container gets them only from who starts it"


def to_json(limits: Limits) -> dict:
    """The limits as they go to a worker and into run.json."""
    return asdict(limits)
