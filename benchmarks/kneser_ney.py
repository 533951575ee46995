"""Interpolated modified Kneser-Ney: the best of the classical n-gram models, as a yardstick for the course model.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1998), equations 23 to 27.
Counts live in sorted arrays and every look-up is a binary search over a whole text at once, so that seven million
tokens take seconds. A document is BOS, its tokens, EOS; an n-gram never looks past its BOS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass
class Order:
    """The n-grams of one length; an n-gram is named by its rank in `keys`, -1 where it was never seen."""

    keys: np.ndarray  # sorted: name of the first n - 1 tokens times V, plus the last token
    counts: np.ndarray  # (n-grams,): occurrences in the highest order, distinct left neighbours below it
    discounts: np.ndarray  # (4,): what a count of 0, 1, 2, 3 or more gives away
    total: np.ndarray  # (contexts,): sum of the counts after each context
    given: np.ndarray  # (contexts,): sum of the discounts after each context


class KneserNey:
    """An n-gram model of tokens 0 .. vocabulary_size - 1; BOS and EOS are its own two further symbols."""

    def __init__(self, documents: Sequence[np.ndarray], vocabulary_size: int, order: int = 5) -> None:
        self.eos, self.bos = vocabulary_size, vocabulary_size + 1
        self.size = vocabulary_size + 2
        self.orders: list[Order] = []
        tokens, place = self._stream(documents)
        contexts = np.zeros(len(tokens), dtype=np.int64)  # name of the n - 1 tokens before each place
        n_contexts = 1
        grams: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
        for n in range(1, order + 1):
            valid = place >= n - 1
            keys, first, inverse, counts = np.unique(
                contexts[valid] * self.size + tokens[valid], return_index=True, return_inverse=True, return_counts=True
            )
            names = np.full(len(tokens), -1)
            names[valid] = inverse
            grams.append((keys, np.flatnonzero(valid)[first], names, counts))
            contexts = np.concatenate([[-1], names[:-1]])
        for n, (keys, example, _, counts) in enumerate(grams, 1):
            if n < order:
                longer = grams[n][1]  # one place for each distinct (n + 1)-gram: its left neighbour is a new one
                neighbours = np.bincount(grams[n - 1][2][longer], minlength=len(keys))
                counts = np.where(place[example] == n - 1, counts, neighbours)  # nothing stands before BOS
            counts = np.where(keys % self.size == self.bos, 0, counts)  # BOS is never predicted
            n1, n2, n3, n4 = (int((counts == k).sum()) for k in (1, 2, 3, 4))
            y = n1 / max(1, n1 + 2 * n2)
            ideal = [0, 1 - 2 * y * n2 / max(1, n1), 2 - 3 * y * n3 / max(1, n2), 3 - 4 * y * n4 / max(1, n3)]
            discounts = np.clip(ideal, 0, [0, 1, 2, 3])
            owners = keys // self.size
            self.orders.append(
                Order(
                    keys,
                    counts,
                    discounts,
                    np.bincount(owners, counts, minlength=n_contexts),
                    np.bincount(owners, discounts[np.minimum(counts, 3)], minlength=n_contexts),
                )
            )
            n_contexts = len(keys)

    def _stream(self, documents: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return all tokens in a row with BOS and EOS, and the place of each in its document (BOS: 0)."""
        parts = [part for ids in documents for part in ([self.bos], ids, [self.eos])]
        lengths = np.array([len(ids) + 2 for ids in documents])
        place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.concatenate(parts).astype(np.int64), place

    def token_log_probs(self, documents: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return log Pr(token | what stands before it in its document), nats, and the tokens (EOS among them)."""
        tokens, place = self._stream(documents)
        probability = np.full(len(tokens), 1 / (self.size - 1))  # uniform over the tokens and EOS
        context = np.zeros(len(tokens), dtype=np.int64)
        for n, order in enumerate(self.orders, 1):
            wanted = context * self.size + tokens
            found = np.minimum(np.searchsorted(order.keys, wanted), len(order.keys) - 1)
            seen = (order.keys[found] == wanted) & (context >= 0) & (place >= n - 1)
            count = np.where(seen, order.counts[found], 0)
            total = np.where(context >= 0, order.total[context], 0)
            usable = (total > 0) & (place >= n - 1)  # else the shorter context has the word
            kept = count - order.discounts[np.minimum(count, 3)]
            mixed = (kept + order.given[context] * probability) / np.maximum(total, 1)
            probability = np.where(usable, mixed, probability)
            context = np.concatenate([[-1], np.where(seen, found, -1)[:-1]])
        predicted = place > 0
        return np.log(probability[predicted]), tokens[predicted]

    def bits(self, documents: Sequence[np.ndarray]) -> float:
        """Return -sum log2 Pr(tokens | BOS), in bits; the end of a document is not scored."""
        log_probs, tokens = self.token_log_probs(documents)
        return float(-log_probs[tokens != self.eos].sum() / np.log(2))
