"""What each use of the package needs to be installed, by the extras of pyproject.toml."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from course_utils.project import PACKAGE, is_course


def required(*extras: str, root: Path | None = None) -> list[str]:
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
    """The names of the packages that `required` lists and that are not installed here, in whatever version."""
    return [name_of(text) for text in required(*extras, root=root) if applies(text) and not _is_there(text)]


def name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


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
