"""Log-probabilities of texts under any causal language model: joint, marginal, conditional, token by token.

Read in this order: ``scorer`` (what is offered), ``inputs`` (what may be given), ``encode`` (texts become ids),
``event`` (of which characters a score is the probability), ``plan`` (ids become batches), ``forward`` (the loop over
them), ``routes`` (batches become log-probabilities), ``head`` (only the needed rows of the logits), ``mode`` (what
holds meanwhile, and what threads share), ``probe`` (which shortcut is exact on the loaded model), ``packing`` (rows
without padding), ``results`` (what comes back). ``course score``, files in and out, is ``course_utils.cli.score``.

Importing this package loads neither torch nor transformers; its names are loaded on first use (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors, which do not run __getattr__
    from course_utils.scoring.results import PairScore, Ranked, TokenScores
    from course_utils.scoring.scorer import Scorer, load_scorer

_RESULTS, _SCORER = ("PairScore", "Ranked", "TokenScores"), ("Scorer", "load_scorer")
_HOMES = dict.fromkeys(_RESULTS, "results") | dict.fromkeys(_SCORER, "scorer")
__all__ = ["PairScore", "Ranked", "Scorer", "TokenScores", "load_scorer"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
