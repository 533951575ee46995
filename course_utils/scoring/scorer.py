"""The scorer: log-probabilities of texts and pairs of texts under a causal language model."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from transformers.convert_slow_tokenizer import bytes_to_unicode

from . import inputs
from .encode import Encoded, Encoder
from .forward import Forward
from .plan import Job, windows
from .probe import check_kind, model_window, vocabulary_size
from .results import PairScore, Ranked, TokenScores

BYTES = {sign: byte for byte, sign in bytes_to_unicode().items()}  # how tokenizers of bytes write each in a piece
Pair = tuple[str, str] | Mapping[str, str]  # (x, y), or {"x": x, "y": y} as in a file
Ids = Sequence[int] | np.ndarray


def load_scorer(name: str | os.PathLike | None = None, device="auto", dtype="auto", **options) -> "Scorer":
    """A Scorer of the course model, or of any causal language model by its name on the Hugging Face hub or its folder.

    ``device``, ``dtype``: "auto", or what torch calls them. ``options`` go to ``Scorer``.
    Raises what ``load_language_model`` raises (OSError where there is no such model).
    """
    from course_utils.language_model.loading import load_language_model

    return Scorer(*load_language_model(name, device=device, dtype=dtype), **options)


class Scorer:
    """log Pr(y | x), joint, marginal and token log-probabilities, in nats, under a causal language model.

    The conditional is the direct sum over the tokens of y,

        log Pr(y | x) = sum_i log Pr(y_i | x, y_<i),

    never the difference of two large numbers (Xiao & Zhu, Foundations of Large Language Models, arXiv 2501.09223).

    Args:
        model: a causal language model of transformers; it stays where it is, with its dtype.
        tokenizer: its tokenizer.
        bos: what stands before x. "auto": what the tokenizer puts there by itself; where it puts nothing, its BOS
            token only where there is nothing else to condition on. True: BOS. An id: that token. False: nothing.
        eos: True: score EOS after y too, as the end of the complete text. An id: that token (the end of a turn).
        boundary: where a token of the joint text x + y spans the join: "prefix" scores from the longest common prefix
            with x's own tokens on (flag "merged_boundary"), "error" raises.
        lossy: for characters that no token stands for: "error", or "flag" to score what is left ("lost_text").
        special_tokens: what a text may do in which a control token stands ("</s>", typed by somebody): "control", be
            that token (flag "special_text"); "text", be ordinary characters.
        overflow: for what is longer than the model's window: "error", or "slide" in windows ``stride`` ids apart
            (flag "slid"). Nothing is ever cut off.
        stride: ids from one window to the next, 1 to the window's length; half of it by default.
        batch_tokens: ids in one forward pass; more takes more memory, and on a CPU is no faster.
        simple: the plainest right route, one sequence at a time: for reading and for tests. Same numbers.
        check: False: without the self-test that refuses a model which is not causal (one of quantised activations may
            not quite be), and without the shortcuts that it finds exact. The scores are then what the model says.

    Attributes:
        bos, eos: their ids, or None. vocabulary_size: |V|, the number of logits. window: the most ids that the model
        reads at once, or None.

    Several threads may use one scorer, or several scorers of one model, and call the model itself meanwhile: scores are
    those of one thread, and the model's own attention stays as it is set. A model in training mode is in evaluation
    mode while any thread scores with it.

    Raises:
        TypeError: of all methods: what is no text, no id or no pair, by its number.
        ValueError: options that do not fit the tokenizer, the model or each other; a model that gives texts no
            probabilities; later, one that is not causal, and a pair that cannot be scored, which the message names.
    """

    def __init__(
        self,
        model,
        tokenizer,
        *,
        bos: str | bool | int = "auto",
        eos: bool | int = False,
        boundary: str = "prefix",
        lossy: str = "error",
        special_tokens: str = "control",
        overflow: str = "error",
        stride: int | None = None,
        batch_tokens: int = 1024,
        simple: bool = False,
        check: bool = True,
    ):
        batch_tokens = inputs.count("batch_tokens", batch_tokens, math.inf)
        check_kind(model)
        self.model, self.tokenizer = model, tokenizer
        self.overflow = inputs.one_of("overflow", overflow, ("error", "slide"))
        self._encoder = Encoder(
            tokenizer, bos=bos, eos=eos, boundary=boundary, lossy=lossy, special_tokens=special_tokens
        )
        self._forward = Forward(model, batch_tokens=batch_tokens, simple=simple, check=check)
        self.bos, self.eos = self._encoder.bos, self._encoder.eos
        self.vocabulary_size, self.window = vocabulary_size(model.config), model_window(model)
        for option, given in (("bos", self._encoder.lead), ("eos", self._encoder.end)):
            if any(not 0 <= i < self.vocabulary_size for i in given):
                raise ValueError(f"{option} is id {given}, outside of the model's vocabulary of {self.vocabulary_size}")
        usual = max(1, (self.window or 2) // 2) if stride is None else stride
        self.stride = inputs.count("stride", usual, self.window or math.inf, ", the model's window")

    # --- texts ---

    def log_prob(self, texts: Iterable[str]) -> np.ndarray:
        """float64 (N,), nats: log Pr(text | BOS) of each text. Raises ValueError where there is no BOS."""
        return self._sums([e.job(e.n_start) for e in self._encoder.texts(inputs.texts(texts))])

    def conditional_log_prob(self, pairs: Iterable[Pair]) -> np.ndarray:
        """float64 (N,), nats: log Pr(y | x) of each pair (x, y) of texts; 0.0 for an empty y."""
        return self._sums([e.job(e.n_context) for e in self._encoder.pairs(inputs.pairs(pairs))])

    def score(self, pairs: Iterable[Pair]) -> list[PairScore]:
        """Each pair (x, y) of texts with its joint, marginal and conditional log-probability, token by token."""
        pairs = inputs.pairs(pairs)
        encoded = self._encoder.pairs(pairs)
        scores = self._log_probs([e.job(e.n_start) for e in encoded])
        return [self._pair_score(*each) for each in zip(pairs, encoded, scores, strict=True)]

    def tokens(self, texts: Iterable[str]) -> list[TokenScores]:
        """Each text with the log-probability of each of its tokens given BOS and the tokens before it."""
        texts = inputs.texts(texts)
        encoded = self._encoder.texts(texts)
        scores = []
        for text, e, values in zip(texts, encoded, self._log_probs([e.job(e.n_start) for e in encoded]), strict=True):
            ids = tuple(e.ids[e.n_start :].tolist())
            event = self._encoder.event(e)
            flags = self._flags(e, values) + event.flags
            scores.append(TokenScores(text, ids, self._token_texts(ids), values, self.bos, flags, event.exact))
        return scores

    def rank(self, x: str, candidates: Iterable[str], by: str = "log_prob") -> list[Ranked]:
        """The candidates as continuations of x, best first; of equals, the one that came first.

        ``by``: "log_prob", the total log Pr(y | x); "per_token" or "per_byte", the same divided by the length: another
        objective, that of candidates of different lengths. An empty candidate has no mean and comes last. The ``flags``
        of each say where its value is not that of exactly these characters, and so hardly to be compared.
        """
        inputs.one_of("by", by, ("log_prob", "per_token", "per_byte"))
        candidates = inputs.texts(candidates)
        scores = self.score([(x, candidate) for candidate in candidates])
        values = [getattr(score, "conditional" if by == "log_prob" else by) for score in scores]
        order = sorted(range(len(values)), key=lambda i: (math.isnan(values[i]), -values[i]))
        below = [values[i] for i in order[1:]] + [-math.inf]  # the last one beats nothing
        return [
            Ranked(i, candidates[i], values[i], margin(values[i], next_best), scores[i].flags)
            for i, next_best in zip(order, below, strict=False)
        ]

    # --- ids: what ToyLanguage offers too ---

    def encode(self, text: str, after: str = "") -> list[int]:
        """The ids of a text, without BOS and EOS; those that it has in ``after + text``.

        encode(x) + encode(y, after=x) is encode(x + y). Raises ValueError where that cannot be: where a token of x + y
        spans the join.
        """
        inputs.check_text("text", text)
        inputs.check_text("after", after)
        known = self._encoder.ids([after, after + text])
        before, ids = list(known[after][0]), list(known[after + text][0])
        if ids[: len(before)] != before:
            raise ValueError(
                f"a token of {(after + text)[-40:]!r} spans the join of after={after[-40:]!r} and the text"
            )
        return ids[len(before) :]

    def decode(self, ids: Ids) -> str:
        """The text of some ids."""
        return self.tokenizer.decode(inputs.ids("ids", ids).tolist(), clean_up_tokenization_spaces=False)

    def next_log_probs(self, ids: Ids) -> np.ndarray:
        """float64 (V,), nats: log Pr(. | ids), ids beginning with BOS. Raises ValueError where there are none."""
        context = inputs.context("sequence 0", ids, self.bos)
        # as if id 0 were to be scored next: in windows, what the last of them reads
        (last,) = self._windows(ids_job("sequence 0", context, [0]))
        return self._forward.next_log_probs(last.ids[:-1])

    def log_prob_ids(self, sequences: Iterable[Ids]) -> np.ndarray:
        """float64 (N,), nats: log Pr(sequence | BOS); each sequence begins with BOS and is taken as it is."""
        named = [(f"sequence {i}", ids) for i, ids in enumerate(inputs.several(sequences, "sequences of ids"))]
        whole = [(name, inputs.context(name, ids, self.bos)) for name, ids in named]
        return self._sums([ids_job(name, ids[:1], ids[1:]) for name, ids in whole])

    def conditional_log_prob_ids(self, pairs: Iterable[tuple[Ids, Ids]]) -> np.ndarray:
        """float64 (N,), nats: log Pr(y | x) of each pair (x_ids, y_ids), taken as they are; x begins with BOS."""
        named = [(f"pair {i}", *pair) for i, pair in enumerate(inputs.two_each(pairs, "sequences of ids"))]
        return self._sums([ids_job(n, inputs.context(n, x, self.bos), inputs.ids(n, y)) for n, x, y in named])

    # --- how ---

    def _sums(self, jobs: Sequence[Job]) -> np.ndarray:
        return np.array([values.sum() for values in self._log_probs(jobs)], dtype=np.float64)

    def _log_probs(self, jobs: Sequence[Job]) -> list[np.ndarray]:
        """For each job float64 (its targets,), nats."""
        parts = [self._windows(job) for job in jobs]
        scores = iter(self._forward.log_probs([window for of_job in parts for window in of_job]))
        joined = [np.concatenate([np.zeros(0), *(next(scores) for _ in of_job)]) for of_job in parts]
        for job, values in zip(jobs, joined, strict=True):
            if np.isnan(values).any():
                raise ValueError(f"{job.name}: the model's logits are not numbers (NaN)")
        return joined

    def _windows(self, job: Job) -> list[Job]:
        if len(job.ids) and not 0 <= job.ids.min() <= job.ids.max() < self.vocabulary_size:
            raise ValueError(f"{job.name}: an id outside of the model's vocabulary, 0 to {self.vocabulary_size - 1}")
        if self._slides(job.ids) and self.overflow == "error":
            raise ValueError(
                f"{job.name}: {len(job.ids)} ids, but the model reads {self.window} at once; shorten it, or give "
                'overflow="slide" to score it in overlapping windows'
            )
        return windows(job, self.window, self.stride)

    def _slides(self, ids: np.ndarray) -> bool:
        return self.window is not None and len(ids) - 1 > self.window  # the last id is predicted, never read

    def _flags(self, encoded: Encoded, log_probs: np.ndarray) -> tuple[str, ...]:
        found = {"slid": self._slides(encoded.ids), "impossible": np.isneginf(log_probs).any()}
        return encoded.flags + tuple(flag for flag, holds in found.items() if holds)

    def _pair_score(self, pair: tuple[str, str], encoded: Encoded, log_probs: np.ndarray) -> PairScore:
        start, context = encoded.n_start, encoded.n_context
        x_log_probs, y_log_probs = np.split(log_probs, [max(0, context - max(1, start))])
        marginal, conditional = float(x_log_probs.sum()), float(y_log_probs.sum())
        event = self._encoder.event(encoded)
        return PairScore(
            *pair,
            joint=marginal + conditional,
            marginal=marginal,
            conditional=conditional,
            x_tokens=self._token_texts(encoded.ids[start:context].tolist()),
            y_tokens=self._token_texts(encoded.ids[context:].tolist()),
            x_log_probs=x_log_probs,
            y_log_probs=y_log_probs,
            bos=int(encoded.ids[0]) if start else None,
            n_bytes=len(encoded.text[encoded.begins :].encode("utf-8")) - len(event.lost.encode("utf-8")),
            flags=self._flags(encoded, log_probs) + event.flags,
            exact=event.exact and "merged_boundary" not in encoded.flags,
        )

    def _token_texts(self, ids: Ids) -> tuple[str, ...]:
        """What each id reads as; of a piece of a character, which is no text, its bytes."""
        texts = []
        for i, piece in zip(ids, map(str, self.tokenizer.convert_ids_to_tokens(list(ids))), strict=True):
            text = self.decode([i])
            if "\ufffd" in text and BYTES.keys() >= set(piece):
                text = bytes(BYTES[sign] for sign in piece).decode("utf-8", errors="backslashreplace")
            texts.append(" " + text if piece.startswith("▁") and not text.startswith(" ") else text)
        return tuple(texts)


def ids_job(name: str, context: Ids, scored: Ids) -> Job:
    """A sequence of ids, taken as it is, that is to be scored after its context."""
    return Job(np.concatenate([context, scored]).astype(np.int64), len(context), len(context), name)


def margin(value: float, below: float) -> float:
    """By how much a value beats the next one, which may have none (NaN); two of minus infinity are equals."""
    return 0.0 if value == below else value - (-math.inf if math.isnan(below) else below)
