"""The loop around the model: jobs in, their log-probabilities out, batch by batch."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import numpy as np
import torch
from tqdm import tqdm

from .plan import Job, padded_batch, padded_batches
from .probe import find_shortcuts
from .routes import Shortcuts, batch_log_probs, input_device, packing, simple_log_probs, without_cache


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
        todo = [i for i, job in enumerate(jobs) if job.first < len(job.ids)]
        tokens = self.batch_tokens
        batches = deque(self._batches(jobs, todo, tokens))
        # progress shows on a terminal only, and not for what is done in a moment
        with (
            scoring_mode(self.model),
            tqdm(total=len(todo), disable=None, delay=2, unit=" sequences", leave=False) as progress,
        ):
            while batches:
                part = batches.popleft()
                values = self._run([jobs[i] for i in part], may_fail=tokens > 1)
                if values is None:  # out of memory: what is left goes on in batches of half the size
                    tokens = max(1, min(tokens, sum(len(jobs[i].ids) for i in part)) // 2)
                    batches = deque(self._batches(jobs, [*part, *(i for batch in batches for i in batch)], tokens))
                    continue
                for i, value in zip(part, values):
                    scores[i] = value
                progress.update(len(part))
        return scores

    def next_log_probs(self, ids: Sequence[int]) -> np.ndarray:
        """float64 (V,), nats: log Pr(. | ids)."""
        inputs = {"input_ids": torch.tensor([ids], device=input_device(self.model)), **without_cache(self.model)}
        if not self.simple and self.shortcuts.keep:
            inputs["logits_to_keep"] = 1
        with scoring_mode(self.model):
            logits = self.model(**inputs).logits[0, -1].double()
        return logits.log_softmax(-1).cpu().numpy()

    def _batches(self, jobs: Sequence[Job], todo: list[int], tokens: int) -> list[list[int]]:
        """Places in ``jobs``, batch by batch."""
        if not todo or self.simple:
            return [[i] for i in todo]
        cuts = self.shortcuts
        alone = [i for i in todo if cuts.longest is not None and len(jobs[i].ids) - 1 > cuts.longest]
        if not (cuts.packing or cuts.padding):
            alone = todo
        together = [i for i in todo if i not in set(alone)]
        plan = packing.packed_batches if cuts.packing else padded_batches
        batches = plan([jobs[i] for i in together], tokens)
        return [[i] for i in alone] + [[together[place] for place in part] for part in batches]

    def _run(self, jobs: list[Job], may_fail: bool) -> list[np.ndarray] | None:
        """The scores of one batch, a job at a time; None when it did not fit into memory."""
        try:
            if self.simple:
                return [simple_log_probs(self.model, job).cpu().numpy() for job in jobs]
            # a row of one sequence has nothing to pack
            lay_out = packing.packed_batch if self.shortcuts.packing and len(jobs) > 1 else padded_batch
            batch = lay_out(jobs)
            values = batch_log_probs(self.model, batch, self.shortcuts).cpu().numpy()
            return np.split(values, np.cumsum(batch.sizes)[:-1])
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not may_fail or not out_of_memory(error):
                raise
        return None


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
        for backend, precision in zip(matmuls, before):
            backend.fp32_precision = precision
