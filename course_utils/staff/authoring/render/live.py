"""The page of the site on which the course model runs: the page, its scripts, and the model as a script."""

from __future__ import annotations

import base64
import json
from collections.abc import Set

from course_utils import __version__
from course_utils.language_model.data import COURSE_MODEL_FOLDER
from course_utils.staff.authoring.render import rendering

PAGE = "try.html"
DATA = "model-data.js"


def files(edition: str, others: Set[str]) -> dict[str, str]:
    """Address -> text. `others`: the other addresses of the site, to which the page may lead."""
    data = model_data()
    page = rendering.filled(
        PAGE, edition=edition, version=__version__, up=".", others=others, megabytes=round(len(data) / 1e6)
    )
    return {PAGE: page, DATA: data, "model.js": rendering.asset("model.js"), "try.js": rendering.asset("try.js")}


def model_data() -> str:
    """The course model as a script: a page that was opened from a file may load scripts, and no other files.

    config and tokenizer as their files have them, the weights as their safetensors file in base64.
    """
    config = json.loads((COURSE_MODEL_FOLDER / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((COURSE_MODEL_FOLDER / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    model = {
        "config": config,
        "tokenizer": {name: tokenizer[name] for name in ("vocab", "merges")},
        "weights": base64.b64encode((COURSE_MODEL_FOLDER / "model.safetensors").read_bytes()).decode("ascii"),
    }
    return f"window.courseModelData = {json.dumps(model, ensure_ascii=False, separators=(',', ':'))};\n"
