"""The loop around the model: jobs in, their log-probabilities out, batch by batch."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .mode import scoring_mode, self_test
from .plan import Job, padded_batch, padded_batches, send
from .probe import find_shortcuts
from .routes import Shortcuts, accepts, batch_log_probs, input_device, packing, simple_log_probs, without_cache

HEAD_ROWS = 1024  # the output layer waits until so many targets are together


class Forward:
    """A model, and the shortcuts that are exact on it.

    Args:
        model: a causal language model of transformers.
        batch_tokens: ids in one forward pass, at most (a longer sequence goes alone).
        simple: take no shortcut at all.
        check: False: no self-test and so no shortcut; the model is taken at its word.
    """

    def __init__(self, model, *, batch_tokens: int = 1024, simple: bool = False, check: bool = True):
        self.model, self.batch_tokens, self.simple = model, batch_tokens, simple
        self._shortcuts = None if check else Shortcuts()  # None: not known yet

    @property
    def shortcuts(self) -> Shortcuts:
        """Found by a self-test on the loaded model, when first wanted; by several threads at once, in one of them."""
        if self._shortcuts is None:
            with self_test, scoring_mode(self.model):
                self._shortcuts = self._shortcuts or find_shortcuts(self.model, self.simple)
        return self._shortcuts

    @shortcuts.setter
    def shortcuts(self, given: Shortcuts) -> None:
        self._shortcuts = given

    def log_probs(self, jobs: Sequence[Job]) -> list[np.ndarray]:
        """For each job float64 (len(ids) - first,), nats: the log-probability of each of its targets."""
        scores: dict[Job, Tensor] = {}
        wanted = [job for job in jobs if len(job.targets)]
        tokens = min(self.batch_tokens, sum(len(job.ids) for job in wanted))
        # progress shows on a terminal only, and not for what is done in a moment
        progress = tqdm(total=len(wanted), disable=None, delay=2, unit=" sequences", leave=False)
        with scoring_mode(self.model), progress:
            while left := [job for job in wanted if job not in scores]:
                try:
                    for done, values in self._scored(left, tokens):
                        scores |= zip(done, values.split([len(job.targets) for job in done]), strict=True)
                        progress.update(len(done))
                except (RuntimeError, MemoryError) as error:
                    if tokens == 1 or not out_of_memory(error):
                        raise
                    tokens //= 2  # what is left goes on in batches of half the size
        # brought from the device all at once, so that a GPU is never waited for before the end; a token that is all but
        # certain may come out a rounding above 0
        values = torch.cat([*scores.values()]).cpu().double().clamp(max=0).numpy() if scores else np.zeros(0)
        parts = np.split(values, np.cumsum([len(job.targets) for job in scores])[:-1])
        found = dict(zip(scores, parts, strict=False))
        return [found.get(job, np.zeros(0)) for job in jobs]

    def next_log_probs(self, ids: np.ndarray) -> np.ndarray:
        """float64 (V,), nats: log Pr(. | ids)."""
        last = {"logits_to_keep": 1} if accepts(self.model, "logits_to_keep") else {}
        with scoring_mode(self.model):
            inputs = send(ids, input_device(self.model))[None]
            logits = self.model(input_ids=inputs, **without_cache(self.model), **last).logits[0, -1]
        return logits.cpu().double().log_softmax(-1).numpy()

    def _scored(self, jobs: Sequence[Job], tokens: int) -> Iterator[tuple[list[Job], Tensor]]:
        """(some of the jobs, the log-probabilities of all their targets), in the order that suits the model."""
        cuts = self.shortcuts
        if cuts == Shortcuts():
            yield from (([job], simple_log_probs(self.model, job)) for job in jobs)
            return
        together = [job for job in jobs if len(job.ids) - 1 <= cuts.longest]
        plan = [[job] for job in jobs if len(job.ids) - 1 > cuts.longest]
        plan += (packing.packed_batches if cuts.packing else padded_batches)(together, tokens)
        waiting, targets = [], 0
        for part in plan:
            # a row of one sequence has nothing to pack
            waiting.append(packing.packed_batch(part) if cuts.packing and len(part) > 1 else padded_batch(part))
            targets += sum(len(job.targets) for job in part)
            if targets >= HEAD_ROWS or not cuts.head or part is plan[-1]:
                yield [job for batch in waiting for job in batch.jobs], batch_log_probs(self.model, waiting, cuts)
                waiting, targets = [], 0


def out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may help; on the CPU torch says so in the words of its allocator only."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
