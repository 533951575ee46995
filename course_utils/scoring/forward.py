"""The loop around the model: jobs in, their log-probabilities out, batch by batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import numpy as np
import torch
from tqdm import tqdm

from .plan import Job, padded_batch, padded_batches
from .probe import find_shortcuts
from .routes import Shortcuts, batch_log_probs, input_device, packing, simple_log_probs, without_cache

HEAD_ROWS = 1024  # the output layer waits until so many targets are together


class Forward:
    """A model, and the shortcuts that are exact on it.

    Args:
        model: a causal language model of transformers.
        batch_tokens: ids in one forward pass, at most (a longer sequence goes alone).
        simple: take no shortcut at all.
    """

    def __init__(self, model, *, batch_tokens: int = 1024, simple: bool = False):
        self.model, self.batch_tokens, self.simple = model, batch_tokens, simple

    @cached_property
    def shortcuts(self) -> Shortcuts:
        """Found by a self-test on the loaded model, when first wanted."""
        with scoring_mode(self.model):
            return find_shortcuts(self.model)

    def log_probs(self, jobs: Sequence[Job]) -> list[np.ndarray]:
        """For each job float64 (len(ids) - first,), nats: the log-probability of each of its targets."""
        scores = [np.zeros(0)] * len(jobs)
        left = {i: None for i, job in enumerate(jobs) if job.first < len(job.ids)}
        tokens = min(self.batch_tokens, sum(len(jobs[i].ids) for i in left))
        # progress shows on a terminal only, and not for what is done in a moment
        progress = tqdm(total=len(left), disable=None, delay=2, unit=" sequences", leave=False)
        with scoring_mode(self.model), progress:
            while left:
                try:
                    for i, values in self._scored([*left], jobs, tokens):
                        scores[i] = values
                        del left[i]
                        progress.update()
                except (RuntimeError, MemoryError) as error:
                    if tokens == 1 or not out_of_memory(error):
                        raise
                    tokens //= 2  # what is left goes on in batches of half the size
        return scores

    def next_log_probs(self, ids: Sequence[int]) -> np.ndarray:
        """float64 (V,), nats: log Pr(. | ids)."""
        inputs = {"input_ids": torch.tensor([ids], device=input_device(self.model)), **without_cache(self.model)}
        if not self.simple and self.shortcuts.keep:
            inputs["logits_to_keep"] = 1
        with scoring_mode(self.model):
            logits = self.model(**inputs).logits[0, -1].double()
        return logits.log_softmax(-1).cpu().numpy()

    def _scored(self, todo: list[int], jobs: Sequence[Job], tokens: int) -> Iterator[tuple[int, np.ndarray]]:
        """(place in ``jobs``, its log-probabilities) of all in ``todo``, in the order that suits the model."""
        if self.simple:
            yield from ((i, simple_log_probs(self.model, jobs[i]).cpu().numpy()) for i in todo)
            return
        waiting: list[list[int]] = []
        rows = 0
        plan = self._batches(todo, jobs, tokens)
        for number, part in enumerate(plan, start=1):
            waiting.append(part)
            rows += sum(len(jobs[i].ids) - jobs[i].first for i in part)
            if rows >= HEAD_ROWS or not self.shortcuts.head or number == len(plan):
                yield from self._score_batches(waiting, jobs)
                waiting, rows = [], 0

    def _batches(self, todo: list[int], jobs: Sequence[Job], tokens: int) -> list[list[int]]:
        """Places in ``jobs``, batch by batch."""
        cuts = self.shortcuts
        beside = [i for i in todo if self._goes_with_others(jobs[i])]
        alone = [i for i in todo if not self._goes_with_others(jobs[i])]
        batches = packing.packed_batches if cuts.packing else padded_batches
        return [[i] for i in alone] + [
            [beside[place] for place in part] for part in batches([jobs[i] for i in beside], tokens)
        ]

    def _goes_with_others(self, job: Job) -> bool:
        cuts = self.shortcuts
        return (cuts.packing or cuts.padding) and (cuts.longest is None or len(job.ids) - 1 <= cuts.longest)

    def _score_batches(self, parts: list[list[int]], jobs: Sequence[Job]) -> Iterator[tuple[int, np.ndarray]]:
        """One forward pass for each part, the output layer for all of them."""
        # a row of one sequence has nothing to pack
        packs = [self.shortcuts.packing and len(part) > 1 for part in parts]
        batches = [
            (packing.packed_batch if pack else padded_batch)([jobs[i] for i in part])
            for part, pack in zip(parts, packs, strict=True)
        ]
        values = batch_log_probs(self.model, batches, self.shortcuts).cpu().numpy()
        ends = np.cumsum([size for batch in batches for size in batch.sizes])
        yield from zip([i for part in parts for i in part], np.split(values, ends[:-1]), strict=True)


def out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may help; on the CPU torch says so in the words of its allocator only."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


@contextmanager
def scoring_mode(model) -> Iterator[None]:
    """While it holds: no dropout, no gradients, no autocast, no rounding of float32 factors (TF32, bfloat16).

    All of it is put back, each submodule's training flag too.
    """
    training = [module for module in model.modules() if module.training]
    matmuls = [torch.backends.cuda.matmul, torch.backends.mkldnn.matmul]
    before = [backend.fp32_precision for backend in matmuls]
    device = next(model.parameters()).device.type
    model.eval()
    for backend in matmuls:
        backend.fp32_precision = "ieee"
    try:
        with torch.no_grad(), torch.autocast(device, enabled=False):
            yield
    finally:
        for module in training:
            module.training = True
        for backend, precision in zip(matmuls, before, strict=True):
            backend.fp32_precision = precision
