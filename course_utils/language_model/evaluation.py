"""How good is a language model? Bits per byte of held-out text, and how often it prefers the better of two sentences.

The convention, everywhere: a document is scored as Pr(its tokens | BOS); the end of the document (EOS) is not scored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["bits_per_byte", "document_log_probs", "prefers_good", "wilson_interval"]


def document_log_probs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    *,
    window: int = 512,
    batch_tokens: int = 8192,
) -> np.ndarray:
    """Return log Pr(text | BOS) of each text, shape (N,), float64, in nats.

    A text of more than `window` tokens (BOS counted) is read in windows that overlap by half: every token is scored
    once, and sees at least window / 2 tokens before it, where there are so many.
    """
    # Some tokenizers have no BOS: there EOS, which ends the text before, stands at the start.
    start = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    sequences = [[start, *tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]] for text in texts]
    pieces: list[tuple[int, list[int], int]] = []  # (document, ids, first position whose token is scored)
    for document, ids in enumerate(sequences):
        pieces.append((document, ids[:window], 1))
        for start in range(window // 2, len(ids) - window // 2, window // 2):
            pieces.append((document, ids[start : start + window], window // 2))
    pieces = [piece for piece in pieces if len(piece[1]) > piece[2]]
    pieces.sort(key=lambda piece: len(piece[1]))

    totals = np.zeros(len(texts))
    while pieces:
        rows = max(1, batch_tokens // len(pieces[-1][1]))
        batch, pieces = pieces[-rows:], pieces[:-rows]
        for (document, _, _), value in zip(batch, _batch_log_probs(model, batch), strict=True):
            totals[document] += value
    return totals


def _batch_log_probs(model: PreTrainedModel, batch: Sequence[tuple[int, list[int], int]]) -> list[float]:
    """Return the log-probability (nats) of the scored part of each piece; one forward pass."""
    import torch

    longest = max(len(ids) for _, ids, _ in batch)
    # Padding stands to the right, where a causal model cannot see it: any id does, and no attention mask is needed.
    inputs = torch.tensor([ids + [0] * (longest - len(ids)) for _, ids, _ in batch], device=model.device)
    with torch.inference_mode():
        log_probs = model(input_ids=inputs, use_cache=False).logits[:, :-1].float().log_softmax(-1)
        chosen = log_probs.gather(-1, inputs[:, 1:, None])[..., 0].double().cpu().numpy()
    return [float(row[first - 1 : len(ids) - 1].sum()) for row, (_, ids, first) in zip(chosen, batch, strict=True)]


def bits_per_byte(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, window: int = 512
) -> float:
    """Return -sum log2 Pr(text | BOS) over the number of UTF-8 bytes of the texts."""
    nats = -document_log_probs(model, tokenizer, texts, window=window).sum()
    return float(nats / math.log(2) / sum(len(text.encode()) for text in texts))


def prefers_good(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, good: Sequence[str], bad: Sequence[str]
) -> np.ndarray:
    """Return, for each pair, whether log Pr(good | BOS) > log Pr(bad | BOS); shape (N,), bool."""
    scores = document_log_probs(model, tokenizer, [*good, *bad])
    return scores[: len(good)] > scores[len(good) :]


def wilson_interval(right: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (95% by default): Wilson, JASA 22 (1927) 209-212."""
    share, spread = right / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / 4 / total) / (1 + spread)
    return centre - half, centre + half
