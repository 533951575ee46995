"""Helpers behind the course "The log-probability of sequences in language models".

Importing this package loads neither torch nor transformers: the names below are fetched from their modules when they
are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors, which do not run __getattr__
    from course_utils.language_model import load_language_model, load_small_model
    from course_utils.scoring import PairScore, Ranked, Scorer, TokenScores, load_scorer
    from course_utils.toy_language import ToyLanguage

__version__ = "1.1.0"

_HOMES = {
    "ToyLanguage": "course_utils.toy_language",
    "load_language_model": "course_utils.language_model",
    "load_small_model": "course_utils.language_model",
    "load_scorer": "course_utils.scoring",
    "Scorer": "course_utils.scoring",
    "PairScore": "course_utils.scoring",
    "TokenScores": "course_utils.scoring",
    "Ranked": "course_utils.scoring",
}

__all__ = [
    "PairScore",
    "Ranked",
    "Scorer",
    "TokenScores",
    "ToyLanguage",
    "__version__",
    "load_language_model",
    "load_scorer",
    "load_small_model",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # the next use finds it without asking here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
