"""Small finite languages with exact probabilities: the oracle that the course is checked against.

A ToyLanguage is a conditional Pr(next token | everything before it) over a handful of named symbols, held as exact
fractions with float64 beside them. Small as it is, all its sequences can be listed, so that joint, marginal and
conditional probabilities can be found by adding up cells of the joint table, without any formula of the course.

>>> lm = toy_bigram()
>>> lm.prefix_prob("ab"), lm.complete_prob("ab")
(0.42, 0.126)
>>> lm.cond("b", ("<s>", "a"), exact=True)
Fraction(7, 10)

Conventions: probabilities are plain numbers, log-probabilities natural (nats). A context and a scored sequence begin
with BOS, whose probability is 1; BOS never comes again. EOS is absorbing: after EOS comes EOS, with probability 1, so
that the sequences of any one length have total probability 1.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import operator
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Protocol, overload, runtime_checkable

import numpy as np

__all__ = [
    "SequenceModel",
    "ToyLanguage",
    "constant_eos",
    "equal_start",
    "greedy_trap",
    "leaky_eos",
    "log_fraction",
    "merged_token",
    "random_language",
    "spaced_words",
    "the_cat_sat",
    "toy_bigram",
    "warm_milk",
    "warm_or_plush",
]

Number = int | float | str | Decimal | Fraction
Tokens = str | Sequence[int | str]  # text, or ids and symbols one by one
Event = Callable[[tuple[int, ...]], bool]  # of the ids after BOS
MOST_CELLS = 1_000_000


@runtime_checkable
class SequenceModel(Protocol):
    """What a function of the course may use of a language model: ToyLanguage and Scorer both have it.

    Ids are taken as they are. `bos` and `eos` are ids, or None where the model has no such token.
    """

    bos: int | None
    eos: int | None
    vocabulary_size: int

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without BOS and EOS."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids."""
        ...

    def next_log_probs(self, ids: Sequence[int]) -> np.ndarray:
        """(V,) float64, nats: log Pr(. | ids); ids begin with BOS."""
        ...

    def log_prob_ids(self, sequences: Iterable[Sequence[int]]) -> np.ndarray:
        """(N,) float64, nats: log Pr(sequence | BOS); each sequence begins with BOS."""
        ...

    def conditional_log_prob_ids(self, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> np.ndarray:
        """(N,) float64, nats: log Pr(y | x) for each (x, y); x begins with BOS, y does not."""
        ...


class ToyLanguage:
    """A language over a few named symbols, defined by Pr(next token | context).

    symbols: names of the ordinary tokens, in the order of their ids. BOS is id 0, the symbols are 1, 2, ..., and EOS,
        where there is one, comes last.
    row: function from a context, the tuple of symbols after BOS, to {symbol: probability}; symbols left out have
        probability 0. Fractions, ints, Decimals and strings ("1/3") must sum to exactly 1. Floats are read as the
        decimals that they print as and must sum to 1 within 1e-12; their row is then divided by its sum.
    eos: name of the end symbol, or None for a language without an end.
    separator: what stands between the symbols of a text; by default nothing where every symbol is one character,
        a space elsewhere.

    Attributes: `symbols` (names by id), `alphabet` (ids of the ordinary symbols), `bos`, `eos`, `vocabulary_size`.
    Wherever tokens are asked for, a text ("ab") or a sequence of ids or symbols will do. `exact=True` gives Fractions.
    """

    def __init__(
        self,
        symbols: Iterable[str],
        row: Callable[[tuple[str, ...]], Mapping[str, Number]],
        *,
        bos: str = "<s>",
        eos: str | None = "</s>",
        separator: str | None = None,
        name: str | None = None,
    ):
        symbols = tuple(symbols)
        self.symbols = (bos, *symbols) if eos is None else (bos, *symbols, eos)
        if len(set(self.symbols)) < len(self.symbols):
            raise ValueError(f"symbols must differ from each other, BOS and EOS among them, got {self.symbols}")
        if not all(isinstance(symbol, str) and symbol for symbol in self.symbols):
            raise ValueError(f"symbols are names that are not empty, got {self.symbols}")
        self.bos = 0
        self.eos = None if eos is None else len(self.symbols) - 1
        self.alphabet = tuple(range(1, len(symbols) + 1))
        self.vocabulary_size = len(self.symbols)
        self.separator = separator if separator is not None else " " * any(len(symbol) > 1 for symbol in symbols)
        self._id_of = {symbol: i for i, symbol in enumerate(self.symbols)}
        self._define = row
        self._name = name
        self._rows: dict[tuple[int, ...], tuple[Fraction, ...]] = {}
        self._cells: dict[int, dict[tuple[int, ...], Fraction]] = {}

    @classmethod
    def from_table(
        cls,
        table: Mapping[str, Mapping[str, Number]] | Mapping[Tokens, Mapping[str, Number]],
        *,
        otherwise: Mapping[str, Number] | None = None,
        bos: str = "<s>",
        eos: str | None = "</s>",
        separator: str | None = None,
        name: str | None = None,
    ) -> ToyLanguage:
        """A language from a hand-made table {context: {symbol: probability}}.

        A context is the text after BOS ("" at the start, "ab", "the cat") or a tuple of symbols. Contexts that the
        table does not list have the row `otherwise`; without it, asking for one is a ValueError.
        Every row is checked here.
        """
        table = {context: dict(row) for context, row in table.items()}
        otherwise = None if otherwise is None else dict(otherwise)
        rows = [*table.values(), otherwise or {}]
        symbols = list(dict.fromkeys(symbol for row in rows for symbol in row if symbol != eos))
        named: dict[tuple[str, ...], Mapping[str, Number]] = {}

        def row(context: tuple[str, ...]) -> Mapping[str, Number]:
            found = named.get(context, otherwise)
            if found is None:
                raise ValueError(f"the table has no row for the context {context}; add it, or give otherwise=")
            return found

        if name is None:
            options = {"otherwise": otherwise, "separator": separator}
            given = [f"{key}={value!r}" for key, value in options.items() if value is not None]
            given += [f"bos={bos!r}"] * (bos != "<s>") + [f"eos={eos!r}"] * (eos != "</s>")
            name = f"ToyLanguage.from_table({', '.join([repr(table), *given])})"
        lm = cls(symbols, row, bos=bos, eos=eos, separator=separator, name=name)
        for context, values in table.items():
            ids = lm._events(context)
            named[tuple(lm.symbols[i] for i in ids)] = values
            lm._row(ids)
        if otherwise is not None:
            lm._exact(otherwise, "the row otherwise=")
        return lm

    @classmethod
    def bigram(
        cls,
        table: Mapping[str, Mapping[str, Number]],
        *,
        bos: str = "<s>",
        eos: str | None = "</s>",
        separator: str | None = None,
        name: str | None = None,
    ) -> ToyLanguage:
        """A Markov language from {previous symbol: {symbol: probability}}; the first row is that of BOS.

        Every row is checked here.
        """
        table = {previous: dict(row) for previous, row in table.items()}
        reachable = {symbol for row in table.values() for symbol in row} - {eos}
        symbols = list(dict.fromkeys([*(s for s in table if s != bos), *sorted(reachable)]))
        missing = [symbol for symbol in (bos, *symbols) if symbol not in table]
        if missing:
            raise ValueError(f"no row for {', '.join(missing)}: a bigram needs one for BOS and one for each symbol")
        if name is None:
            given = [f"bos={bos!r}"] * (bos != "<s>") + [f"eos={eos!r}"] * (eos != "</s>")
            given += [f"separator={separator!r}"] * (separator is not None)
            name = f"ToyLanguage.bigram({', '.join([repr(table), *given])})"

        def row(context: tuple[str, ...]) -> Mapping[str, Number]:
            return table[context[-1] if context else bos]

        lm = cls(symbols, row, bos=bos, eos=eos, separator=separator, name=name)
        for context in ((), *((i,) for i in lm.alphabet)):
            lm._row(context)
        return lm

    def __repr__(self) -> str:
        return self._name or f"<ToyLanguage over {' '.join(self.symbols)}>"

    # --- symbols and ids ---

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without BOS and EOS. Where symbols are not separated, the longest match comes first.

        ValueError for a text that is not made of the symbols.
        """
        if not isinstance(text, str):
            raise TypeError(f"encode takes a text, got {text!r}")
        if self.separator:
            return [self._id(symbol) for symbol in text.split(self.separator) if symbol]
        ids, rest = [], text
        while rest:
            longest = max((s for s in self.symbols if rest.startswith(s)), key=len, default=None)
            if longest is None:
                raise ValueError(f"{rest[0]!r} in {text!r} begins no symbol of {self.symbols}")
            ids.append(self._id_of[longest])
            rest = rest[len(longest) :]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids; BOS and EOS are left out."""
        return self.separator.join(self.symbols[i] for i in self._ids(ids) if i not in (self.bos, self.eos))

    def _id(self, token: int | str) -> int:
        """One id or symbol as an id."""
        if isinstance(token, str):
            if token not in self._id_of:
                raise ValueError(f"{token!r} is not among the symbols {self.symbols}")
            return self._id_of[token]
        if isinstance(token, bool | np.bool_):
            raise TypeError(f"a token is an id or a symbol, got {token}")
        try:
            token = operator.index(token)
        except TypeError:
            raise TypeError(f"a token is an id or a symbol, got {token!r}") from None
        if not 0 <= token < self.vocabulary_size:
            raise ValueError(f"id {token} lies outside 0..{self.vocabulary_size - 1}")
        return token

    def _ids(self, tokens: Tokens) -> tuple[int, ...]:
        """A text, or a sequence of ids or symbols, as ids."""
        if isinstance(tokens, str):
            return tuple(self.encode(tokens))
        try:
            return tuple(self._id(token) for token in tokens)
        except TypeError as error:
            raise TypeError(
                f"expected a sequence of ids or symbols, got {tokens!r}: {error} (a list of one sequence is [[...]])"
            ) from None

    def _after_bos(self, context: Tokens) -> tuple[int, ...]:
        """The ids of a context, which must begin with BOS, without it."""
        ids = self._ids(context)
        if not ids or ids[0] != self.bos:
            raise ValueError(
                f"it must begin with BOS, id {self.bos} or {self.symbols[self.bos]!r}, got {context!r}; "
                "write [lm.bos, *ids]"
            )
        return ids[1:]

    def _events(self, tokens: Tokens) -> tuple[int, ...]:
        """The ids of a sequence without a leading BOS, which has probability 1."""
        ids = self._ids(tokens)
        return ids[1:] if ids[:1] == (self.bos,) else ids

    # --- the definition ---

    def _row(self, context: tuple[int, ...]) -> tuple[Fraction, ...]:
        """Pr(. | BOS, context) for all V ids, exactly."""
        if context not in self._rows:
            if self.eos in context:
                row = {self.symbols[self.eos]: 1}
            else:
                row = self._define(tuple(self.symbols[i] for i in context))
            where = " ".join(self.symbols[i] for i in (self.bos, *context))
            self._rows[context] = self._exact(row, f"the row after {where}")
        return self._rows[context]

    def _exact(self, row: Mapping[str, Number], where: str) -> tuple[Fraction, ...]:
        """A row as V exact probabilities; ValueErrors begin with `where`."""
        values = [Fraction(0)] * self.vocabulary_size
        for symbol, p in row.items():
            try:
                values[self._id(symbol)] = Fraction(repr(float(p)) if isinstance(p, float | np.floating) else p)
            except (ValueError, TypeError, OverflowError) as error:
                raise ValueError(f"{where}: {symbol!r} cannot have the probability {p!r}: {error}") from None
        if min(values) < 0:
            raise ValueError(f"{where} has a negative probability: {dict(row)}")
        if values[self.bos]:
            raise ValueError(f"{where} gives BOS a probability; BOS stands only at the start")
        total = sum(values)
        from_floats = any(isinstance(p, float | np.floating) for p in row.values())
        if total != 1 and not (from_floats and abs(total - 1) <= Fraction(1, 10**12)):
            raise ValueError(f"{where} sums to {total if not from_floats else float(total)}, not to 1: {dict(row)}")
        return tuple(p / total for p in values)

    @overload
    def cond(self, token: int | str, context: Tokens, exact: Literal[False] = False) -> float: ...
    @overload
    def cond(self, token: int | str, context: Tokens, *, exact: Literal[True]) -> Fraction: ...
    def cond(self, token: int | str, context: Tokens, exact: bool = False) -> float | Fraction:
        """Pr(token | context). The context begins with BOS: lm.cond("b", ("<s>", "a")), lm.cond(2, (0, 1)).

        ValueError for a context without BOS or an unknown token.
        """
        p = self._row(self._after_bos(context))[self._id(token)]
        return p if exact else float(p)

    @overload
    def prefix_prob(self, tokens: Tokens, exact: Literal[False] = False) -> float: ...
    @overload
    def prefix_prob(self, tokens: Tokens, *, exact: Literal[True]) -> Fraction: ...
    def prefix_prob(self, tokens: Tokens, exact: bool = False) -> float | Fraction:
        """Probability that a sequence begins with these tokens: the product of their conditionals; 1 for none.

        A leading BOS changes nothing.
        """
        p = self._product(self._events(tokens))
        return p if exact else float(p)

    @overload
    def complete_prob(self, tokens: Tokens, exact: Literal[False] = False) -> float: ...
    @overload
    def complete_prob(self, tokens: Tokens, *, exact: Literal[True]) -> Fraction: ...
    def complete_prob(self, tokens: Tokens, exact: bool = False) -> float | Fraction:
        """Probability that a sequence is these tokens and then ends. The final EOS may be written or left out.

        A leading BOS changes nothing. ValueError in a language without EOS.
        """
        if self.eos is None:
            raise ValueError("this language has no EOS: no sequence is ever complete")
        ids = self._events(tokens)
        p = self._product(ids if ids[-1:] == (self.eos,) else (*ids, self.eos))
        return p if exact else float(p)

    def _product(self, ids: tuple[int, ...]) -> Fraction:
        return math.prod((self._row(ids[:i])[token] for i, token in enumerate(ids)), start=Fraction(1))

    # --- a SequenceModel ---

    def next_log_probs(self, ids: Sequence[int]) -> np.ndarray:
        """(V,) float64, nats: log Pr(. | ids), -inf for the impossible, which BOS always is.

        ids begin with BOS. A context of probability 0 has its row like any other, as in a neural network.
        """
        return np.array([log_fraction(p) for p in self._row(self._after_bos(ids))])

    def log_prob_ids(self, sequences: Iterable[Sequence[int]]) -> np.ndarray:
        """(N,) float64, nats: log Pr(sequence | BOS); -inf for an impossible sequence, 0 for BOS alone.

        Each sequence begins with BOS and is taken as it is: EOS is scored where it stands.
        """
        return np.array([self._log_prob((), self._after_bos(ids)) for ids in sequences], dtype=np.float64)

    def conditional_log_prob_ids(self, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> np.ndarray:
        """(N,) float64, nats: log Pr(y | x), the sum over the tokens of y; x begins with BOS.

        0 for an empty y, -inf where y cannot follow x, NaN where x itself is impossible: the conditional is then
        undefined, and -inf - (-inf) is NaN too.
        """
        scores = []
        for pair in pairs:
            try:
                x, y = pair
            except (TypeError, ValueError):
                raise TypeError(f"expected a list of pairs (x ids, y ids), got {pair!r} in it") from None
            x = self._after_bos(x)
            possible = all(self._row(x[:i])[token] for i, token in enumerate(x))
            scores.append(self._log_prob(x, self._ids(y)) if possible else math.nan)
        return np.array(scores, dtype=np.float64)

    def _log_prob(self, context: tuple[int, ...], ids: tuple[int, ...]) -> float:
        return math.fsum(log_fraction(self._row(context + ids[:i])[token]) for i, token in enumerate(ids))

    # --- enumeration ---

    def sequences(self, n: int) -> Iterator[tuple[int, ...]]:
        """All sequences of exactly n ordinary symbols, as ids without BOS and EOS, in the order of the ids."""
        return itertools.product(self.alphabet, repeat=n)

    def continuations(self, n: int) -> Iterator[tuple[int, ...]]:
        """All ways to go on for n tokens, each once: the sequences that reach EOS within n tokens, which end there,
        and those of exactly n ordinary symbols. After any possible x their conditional probabilities sum to 1.
        """
        yield from self.sequences(n)
        if self.eos is not None and n > 0:
            yield from self.complete_strings(n - 1)

    def complete_strings(self, max_length: int) -> Iterator[tuple[int, ...]]:
        """All strings of at most max_length ordinary symbols, each with its EOS, shortest first."""
        if self.eos is None:
            raise ValueError("this language has no EOS: no sequence is ever complete")
        for n in range(max_length + 1):
            for ids in self.sequences(n):
                yield (*ids, self.eos)

    def joint_cells(self, n: int) -> Mapping[tuple[int, ...], Fraction]:
        """The joint distribution of the first n tokens after BOS: {ids: exact probability}, impossible ones left out.

        A string that ended early is filled up with EOS, so that every key has n tokens and the values sum to 1.
        """
        if n < 0:
            raise ValueError(f"n is a number of tokens, got {n}")
        if len(self.alphabet) ** n > MOST_CELLS:
            raise ValueError(f"{len(self.alphabet)}**{n} sequences are too many to list; take a smaller n")
        if n not in self._cells:
            cells = {(): Fraction(1)}
            for _ in range(n):
                cells = {
                    (*ids, token): p * q for ids, p in cells.items() for token, q in enumerate(self._row(ids)) if q > 0
                }
            self._cells[n] = cells
        return dict(self._cells[n])

    def joint_table(self, n: int) -> np.ndarray:
        """joint_cells(n) as an array of shape (V,) * n, float64: axis i is the id of token i + 1 after BOS."""
        if self.vocabulary_size**n > 10 * MOST_CELLS:
            raise ValueError(f"a table of {self.vocabulary_size}**{n} cells is too large; take a smaller n")
        table = np.zeros((self.vocabulary_size,) * n)
        for ids, p in self.joint_cells(n).items():
            table[ids] = float(p)
        return table

    @overload
    def prob(self, event: Event, n: int, given: Event | None = None, exact: Literal[False] = False) -> float: ...
    @overload
    def prob(self, event: Event, n: int, given: Event | None = None, *, exact: Literal[True]) -> Fraction: ...
    def prob(self, event: Event, n: int, given: Event | None = None, exact: bool = False) -> float | Fraction:
        """Probability of any event of the first n tokens, by adding up the cells in which it is true.

        event and given: functions of the tuple of n ids after BOS. ValueError where `given` has probability 0.
        """
        cells = self.joint_cells(n).items()
        if given is not None:
            cells = [(ids, p) for ids, p in cells if given(ids)]
        everything = sum((p for _, p in cells), start=Fraction(0))
        if everything == 0:
            raise ValueError("the condition has probability 0: a conditional on it is undefined")
        p = sum((p for ids, p in cells if event(ids)), start=Fraction(0)) / everything
        return p if exact else float(p)

    @overload
    def marginal_prob(self, x: Tokens, n: int | None = None, exact: Literal[False] = False) -> float: ...
    @overload
    def marginal_prob(self, x: Tokens, n: int | None = None, *, exact: Literal[True]) -> Fraction: ...
    def marginal_prob(self, x: Tokens, n: int | None = None, exact: bool = False) -> float | Fraction:
        """Pr(x) by brute force: the cells of the joint table of n tokens that begin with x, added up.

        n: at least the number of tokens of x; by default one more, so that there is something to add up.
        """
        p = self._begins_with(self._events(x), n)
        return p if exact else float(p)

    @overload
    def joint_prob(self, x: Tokens, y: Tokens, n: int | None = None, exact: Literal[False] = False) -> float: ...
    @overload
    def joint_prob(self, x: Tokens, y: Tokens, n: int | None = None, *, exact: Literal[True]) -> Fraction: ...
    def joint_prob(self, x: Tokens, y: Tokens, n: int | None = None, exact: bool = False) -> float | Fraction:
        """Pr([x, y]) by brute force: the cells that begin with x and then y, added up; n as in marginal_prob."""
        p = self._begins_with(self._events(x) + self._ids(y), n)
        return p if exact else float(p)

    @overload
    def conditional_prob(self, x: Tokens, y: Tokens, exact: Literal[False] = False) -> float: ...
    @overload
    def conditional_prob(self, x: Tokens, y: Tokens, *, exact: Literal[True]) -> Fraction: ...
    def conditional_prob(self, x: Tokens, y: Tokens, exact: bool = False) -> float | Fraction:
        """Pr(y | x) by brute force: of the cells that begin with x, the share that goes on with y.

        ValueError where x has probability 0.
        """
        x, y = self._events(x), self._ids(y)
        m, n = len(x), len(x) + len(y)
        p = self.prob(lambda ids: ids[m:n] == y, n, given=lambda ids: ids[:m] == x, exact=True)
        return p if exact else float(p)

    def _begins_with(self, start: tuple[int, ...], n: int | None) -> Fraction:
        n = len(start) + 1 if n is None else n
        if n < len(start):
            raise ValueError(f"there are {len(start)} tokens, which a table of {n} does not hold; take a larger n")
        return self.prob(lambda ids: ids[: len(start)] == start, n, exact=True)


def log_fraction(p: Fraction) -> float:
    """log of an exact probability in nats, -inf for 0; right to the last digits near 1 and where float(p) is 0.

    ValueError for a negative p.
    """
    if p == 0:
        return -math.inf
    if Fraction(1, 2) < p < 2:
        return math.log1p(float(p - 1))
    return math.log(p.numerator) - math.log(p.denominator) if p < Fraction(1, 10**300) else math.log(p)


# --- languages of the course -----------------------------------------------------------------------------------------


def random_language(
    seed: int | str, symbols: int | str = 3, eos: bool = True, order: int | None = None, zeros: bool = False
) -> ToyLanguage:
    """A language made up from a seed, in which every conditional depends on the full history.

    symbols: how many ("a", "b", "c", ...; at most 26) or the symbols themselves. order: depend on that many last
    tokens only (1: Markov, 0: independent tokens). zeros: about a quarter of the ordinary symbols is impossible in
    each context. All probabilities are whole millionths. The same on every machine and in every run; repr is the call.
    """
    if isinstance(symbols, int) and not 1 <= symbols <= 26:
        raise ValueError(f"symbols is between 1 and 26, got {symbols}")
    alphabet = tuple(string.ascii_lowercase[:symbols] if isinstance(symbols, int) else symbols)
    names = [*alphabet, "</s>"] if eos else [*alphabet]

    def row(context: tuple[str, ...]) -> dict[str, Fraction]:
        seen = context if order is None else context[len(context) - min(order, len(context)) :]
        key = "\x1f".join([str(seed), *names, "", *seen])
        noise = hashlib.shake_256(key.encode("utf-8")).digest(2 * len(names))
        # squares spread the weights over three orders of magnitude, so that rows are far from uniform
        weights = [1 + byte * byte for byte in noise[: len(names)]]
        if zeros:
            weights = [w if chance >= 64 else 0 for w, chance in zip(weights, noise[len(names) :], strict=True)]
            weights[-1] = max(weights[-1], 1)  # EOS, or the last symbol, stays possible
        # one denominator for all rows keeps the sums of the brute force short
        millionths = [10**6 * weight // sum(weights) for weight in weights]
        millionths[weights.index(max(weights))] += 10**6 - sum(millionths)
        return {name: Fraction(part, 10**6) for name, part in zip(names, millionths, strict=True)}

    given = [f"symbols={symbols!r}"] * (symbols != 3) + ["eos=False"] * (not eos)
    given += [f"order={order}"] * (order is not None) + ["zeros=True"] * zeros
    name = f"random_language({', '.join([repr(seed), *given])})"
    return ToyLanguage(alphabet, row, eos="</s>" if eos else None, name=name)


def toy_bigram() -> ToyLanguage:
    """Card Q11: starts with a .6 or b .4; after a: a .1, b .7, end .2; after b: a .5, b .2, end .3.

    Pr(ab...) = .42 and Pr(ba...) = .20; the complete strings have .126 and .04.
    """
    table = {
        "<s>": {"a": 0.6, "b": 0.4},
        "a": {"a": 0.1, "b": 0.7, "</s>": 0.2},
        "b": {"a": 0.5, "b": 0.2, "</s>": 0.3},
    }
    return ToyLanguage.bigram(table, name="toy_bigram()")


def the_cat_sat() -> ToyLanguage:
    """Card Q01: the .1, cat .5, sat .8, so that 'the cat sat' has .04. The other words are ours; three words, then EOS.

    Every factor depends on all words before it.
    """
    table = {
        "": {"the": 0.1, "a": 0.9},
        "the": {"cat": 0.5, "dog": 0.5},
        "a": {"cat": 0.3, "dog": 0.7},
        "the cat": {"sat": 0.8, "ran": 0.2},
        "the dog": {"sat": 0.3, "ran": 0.7},
        "a cat": {"sat": 0.6, "ran": 0.4},
        "a dog": {"sat": 0.1, "ran": 0.9},
    }
    return ToyLanguage.from_table(table, otherwise={"</s>": 1}, name="the_cat_sat()")


def constant_eos(eos: Number = Fraction(1, 10), symbols: str = "ab") -> ToyLanguage:
    """Lesson 02: every token is EOS with probability `eos`, else one of the symbols, all alike.

    The mean length is (1 - eos) / eos, and strings of at most N symbols have mass 1 - (1 - eos)^(N + 1).
    """
    end = Fraction(str(eos))
    row = {**dict.fromkeys(symbols, (1 - end) / len(symbols)), "</s>": end}
    given = [repr(eos)] * (end != Fraction(1, 10)) + [f"symbols={symbols!r}"] * (symbols != "ab")
    return ToyLanguage(symbols, lambda context: row, name=f"constant_eos({', '.join(given)})")


def leaky_eos(symbols: str = "ab") -> ToyLanguage:
    """Lesson 02: token t = 1, 2, ... is EOS with probability 1 / (t + 1)^2.

    The mass that has ended after N tokens is 1 - (N + 2) / (2 (N + 1)): half of it never ends.
    """

    def row(context: tuple[str, ...]) -> dict[str, Fraction]:
        end = Fraction(1, (len(context) + 2) ** 2)
        return {**dict.fromkeys(symbols, (1 - end) / len(symbols)), "</s>": end}

    return ToyLanguage(symbols, row, name=f"leaky_eos({repr(symbols) if symbols != 'ab' else ''})")


def equal_start() -> ToyLanguage:
    """Card K05: A and B start alike (.5), after A comes C with logit 10 against D with 0, after B both alike; then EOS.

    log Pr(AC) = -0.6931926 is the best, although greedy ties at the first token; BC and BD have -1.3862944.
    """
    d = 1 / (1 + math.exp(10))
    table = {"": {"A": 0.5, "B": 0.5}, "A": {"C": 1 - d, "D": d}, "B": {"C": 0.5, "D": 0.5}}
    return ToyLanguage.from_table(table, otherwise={"</s>": 1}, name="equal_start()")


def greedy_trap() -> ToyLanguage:
    """Card K04: greedy takes a a a with .55 x .4 x .4 = .088, the best is b b b with .45 x .9 x .9 = .3645; then EOS.

    The rows are ours where the card is silent.
    """
    after_a, after_b = {"a": 0.4, "b": 0.35, "c": 0.25}, {"a": 0.06, "b": 0.9, "c": 0.04}
    table = {"": {"a": 0.55, "b": 0.45}}
    for second in ("", "a", "b", "c"):
        table["a" + second], table["b" + second] = after_a, after_b
    return ToyLanguage.from_table(table, otherwise={"</s>": 1}, name="greedy_trap()")


def warm_or_plush() -> ToyLanguage:
    """Card X11: 'warm mat' has -0.9 - 1.5 = -2.4, 'plush rug' -1.2 - 1.1 = -2.3 nats; then EOS.

    Greedy takes 'warm mat'; 'plush rug' is the best of all. The other words are ours and share what is left.
    """

    def row(*given: tuple[str, float], others: str) -> dict[str, float]:
        row = {word: math.exp(log_prob) for word, log_prob in given}
        left = 1 - sum(row.values())
        return {**row, **dict.fromkeys(others.split(), left / len(others.split()))}

    table = {
        "": row(("warm", -0.9), ("plush", -1.2), others="old"),
        "warm": row(("mat", -1.5), others="rug bed coat cushion"),
        "plush": row(("rug", -1.1), others="mat bed coat cushion"),
        "old": row(others="mat rug bed coat cushion"),
    }
    return ToyLanguage.from_table(table, otherwise={"</s>": 1}, name="warm_or_plush()")


def warm_milk() -> ToyLanguage:
    """Card Q27: after BOS Cats has -2.0, like -1.0, warm -0.7 and milk -0.4 nats; then EOS.

    With x = Cats like and y = warm milk the joint is -4.1, the marginal -3.0, the conditional -1.1.
    """
    table, context = {}, ()
    for word, log_prob in (("Cats", -2.0), ("like", -1.0), ("warm", -0.7), ("milk", -0.4)):
        p = math.exp(log_prob)
        table[context] = {word: p, "...": 1 - p}
        context = (*context, word)
    return ToyLanguage.from_table(table, otherwise={"</s>": 1}, name="warm_milk()")


def merged_token() -> ToyLanguage:
    """A text with two tokenisations: independent tokens a .3, b .2, ab .4, end .1; encode("ab") is the one token ab.

    The string ab has .04 as [ab] and .006 as [a, b], together .046.
    """
    row = {"a": 0.3, "b": 0.2, "ab": 0.4, "</s>": 0.1}
    return ToyLanguage(("a", "b", "ab"), lambda context: row, separator="", name="merged_token()")


def spaced_words() -> ToyLanguage:
    """Lesson 09: independent tokens that keep the space before a word, as GPT-2's do; a lone space is a token too.

    encode("the cat") is [the, " cat"], but encode("the ") ends in the token " ": with x = "the " the tokens of the
    joint text do not begin with those of x. encode("un") + encode("do") has two ids, and so has encode("undo"): others.
    """
    row = {"the": 0.25, " cat": 0.2, " sat": 0.2, "cat": 0.05, "sat": 0.05, " ": 0.05}
    row |= {"un": 0.02, "do": 0.02, "und": 0.01, "o": 0.01, "</s>": 0.14}
    return ToyLanguage([s for s in row if s != "</s>"], lambda context: row, separator="", name="spaced_words()")
