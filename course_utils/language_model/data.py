"""The files of this folder: the course model, and the sentence pairs that it is judged by."""

from __future__ import annotations

import json
from pathlib import Path

COURSE_MODEL_FOLDER = Path(__file__).parent / "course_model"


def minimal_pairs() -> list[dict[str, str]]:
    """Return the everyday minimal pairs, each {"id", "category", "good", "bad"}: good is the sentence people say."""
    with (Path(__file__).parent / "minimal_pairs.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
