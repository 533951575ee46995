"""The course model, and any other causal language model by name.

`load_language_model()` gives the small English model that ships in this package (README.md beside this file says what
it was trained on and what it can do); a name from the Hugging Face hub or a local folder gives another one.
`load_small_model()` is the course model in numpy alone, for lessons that need no torch.
`tiny_model()` makes one of random weights, for what holds under every model, `tiny_scorer()` the same with the methods
of a SequenceModel. `minimal_pairs()` gives the everyday sentence pairs that the model card and lesson 10 judge models
by; `instruction_pairs()` makes the prompts and answers that lesson 11 fine-tunes on.
Importing this module loads neither torch nor transformers: the functions below are fetched when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from course_utils.language_model.data import COURSE_MODEL_FOLDER, minimal_pairs

if TYPE_CHECKING:  # for editors, which do not run __getattr__
    from course_utils.language_model.evaluation import bits_per_byte, document_log_probs, prefers_good, wilson_interval
    from course_utils.language_model.instructions import instruction_pairs
    from course_utils.language_model.loading import load_language_model
    from course_utils.language_model.numpy_model import SmallModel, load_small_model
    from course_utils.language_model.tiny import tiny_model, tiny_scorer

_HOMES = {
    "load_language_model": "loading",
    "load_small_model": "numpy_model",
    "SmallModel": "numpy_model",
    "tiny_model": "tiny",
    "tiny_scorer": "tiny",
    "instruction_pairs": "instructions",
    "bits_per_byte": "evaluation",
    "document_log_probs": "evaluation",
    "prefers_good": "evaluation",
    "wilson_interval": "evaluation",
}

__all__ = [
    "COURSE_MODEL_FOLDER",
    "SmallModel",
    "bits_per_byte",
    "document_log_probs",
    "instruction_pairs",
    "load_language_model",
    "load_small_model",
    "minimal_pairs",
    "prefers_good",
    "tiny_model",
    "tiny_scorer",
    "wilson_interval",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
