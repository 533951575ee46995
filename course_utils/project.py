"""Where the course is, and what each use of it needs: one answer for every command."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


class NoCourse(LookupError):
    """There is no copy of the course here; the text says what to do."""


def is_course(folder: Path) -> bool:
    """Whether a folder is a clone of the course's repository, or a copy of it that was handed out."""
    return (folder / "course_utils").is_dir() and (folder / "notebooks").is_dir()


def find_course(start: Path | None = None) -> Path | None:
    """The folder of the course, or None.

    It is the clone that this package lies in. Where the package was installed from a wheel, it is the clone around the
    folder `start` (the current one): in it, or above it. In this order, since the folder that somebody stands in may
    be a student's clone, whose solutions nobody should grade with.
    """
    here = Path.cwd() if start is None else start.resolve()
    return next((folder for folder in (PACKAGE.parent, here, *here.parents) if is_course(folder)), None)


def course_folder(start: Path | None = None) -> Path:
    """The folder of the course, as `find_course` finds it. Raises NoCourse."""
    found = find_course(start)
    if found is None:
        raise NoCourse(
            "this needs the notebooks of the course, which an installed package does not hold: "
            "go into a clone of the course's repository and call it there"
        )
    return found


def requirements(*extras: str, root: Path | None = None) -> list[str]:
    """What the package needs, in the words of pyproject.toml; with the names of extras, what these need as well.

    Read from the clone `root`, by default the one that the package lies in; where it lies in none, from the installed
    package's own metadata.
    """
    root = root or (PACKAGE.parent if is_course(PACKAGE.parent) else None)
    declared = _declared(root) if root else _installed()
    found, waiting = [], ["", *extras]
    while waiting:
        for text in declared.get(waiting.pop(0), []):
            itself = re.match(r"course[_-]utils\[(.+)\]", text)
            waiting += re.split(r"\s*,\s*", itself[1]) if itself else []
            found += [] if itself else [text]
    return list(dict.fromkeys(found))


def _declared(root: Path) -> dict[str, list[str]]:
    """The requirements of each extra of a clone; "" is what everybody needs."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"": project["dependencies"], **project.get("optional-dependencies", {})}


def _installed() -> dict[str, list[str]]:
    """The same of the installed package: there an extra is part of a requirement's marker."""
    from importlib import metadata

    declared = {"": []}
    try:
        lines = metadata.requires("course_utils") or []
    except metadata.PackageNotFoundError:  # somebody copied the package by hand: nothing is known of what it needs
        lines = []
    for line in lines:
        text, _, marker = line.partition(";")
        extra = re.search(r"""(?:\s*and\s+)?extra\s*==\s*["']([^"']+)["']""", marker)
        rest = (marker.replace(extra[0], "") if extra else marker).strip()
        declared.setdefault(extra[1] if extra else "", []).append(f"{text.strip()}; {rest}" if rest else text.strip())
    return declared


def missing(*extras: str, root: Path | None = None) -> list[str]:
    """The names of the packages that `requirements` lists and that are not installed here, in whatever version."""
    return [name_of(text) for text in requirements(*extras, root=root) if applies(text) and not _is_there(text)]


def name_of(requirement: str) -> str:
    return re.match(r"[\w.-]+", requirement)[0]


def applies(requirement: str) -> bool:
    """Whether a requirement holds on this system."""
    _, _, marker = requirement.partition(";")
    if not marker:
        return True
    from packaging.markers import Marker  # slow to load, and seldom needed

    return Marker(marker).evaluate()


def _is_there(requirement: str) -> bool:
    from importlib import metadata

    try:
        return metadata.distribution(name_of(requirement)) is not None
    except metadata.PackageNotFoundError:
        return False


def install_command(*extras: str) -> str:
    """The line that installs, beside the package, what these extras need.

    What pip takes for torch on Linux brings several GB of CUDA: without an NVIDIA driver the CPU build comes first.
    """
    root, brackets = PACKAGE.parent, f"[{','.join(extras)}]" if any(extras) else ""
    pip = f"{sys.executable} -m pip install"
    if is_course(root):
        constrained = f' -c "{root / "constraints.txt"}"'
        install = f'{pip} -e "{root}{brackets}"{constrained}'
    else:
        constrained, install = "", f'{pip} "course_utils{brackets}"'
    if sys.platform != "linux" or "torch" not in missing(*extras) or has_nvidia_driver():
        return install
    return f"{pip} --no-deps torch{constrained} --index-url https://download.pytorch.org/whl/cpu && {install}"


def has_nvidia_driver() -> bool:
    import ctypes

    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
