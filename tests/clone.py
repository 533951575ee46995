"""A copy of the course as a clone holds it, without what runs and people have left in this one."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AT_THE_TOP = {".git", ".venv", "work", "report", "build", "dist"}  # rooms of the package have such names too
ANYWHERE = shutil.ignore_patterns("*.egg-info", "__pycache__", ".*_cache")


def copy_of_the_course(target: Path) -> Path:
    """Copies the course to `target`, which is not there yet; returns it."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        return set(ANYWHERE(folder, names)) | (AT_THE_TOP & set(names) if os.path.samefile(folder, ROOT) else set())

    return Path(shutil.copytree(ROOT, target, ignore=left_out))
