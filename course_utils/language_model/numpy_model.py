"""The course model in numpy alone: from the ids of a text to the log-probability of every token, in one sitting.

It is the model that `load_scorer()` gives, to within float32: lessons 00 to 08 use it, which need neither torch nor
transformers, and lesson 09 reads it line by line. The architecture is that of Llama (Touvron et al., arXiv 2302.13971):
RMSNorm before each block, rotary positions, causal attention, SwiGLU, an output layer that is the embeddings again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from course_utils.language_model.data import COURSE_MODEL_FOLDER
from course_utils.scoring.results import TokenScores

Cache = list[tuple[np.ndarray, np.ndarray]]  # of each layer, the keys and values (tokens, heads, d) of what was read


def load_small_model(folder: str | PathLike = COURSE_MODEL_FOLDER) -> SmallModel:
    """The course model without torch. Takes a fraction of a second. Raises OSError where the folder has no model."""
    return SmallModel(Path(folder))


def read_weights(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file of bfloat16, as float32, whose upper half a bfloat16 is."""
    data = file.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, end = (start + offset for offset in entry["data_offsets"])
            halves = np.frombuffer(data[first:end], dtype="<u2").astype(np.uint32)
            weights[name] = (halves << 16).view(np.float32).reshape(entry["shape"])
    return weights


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """float64, along the last axis: log of exp(logits) divided by their sum, the greatest taken off first."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def rotated(x: np.ndarray, places: np.ndarray, base: float) -> np.ndarray:
    """x (n, heads, d), where each pair (i, i + d/2) is turned by an angle that grows with its token's place."""
    half = x.shape[-1] // 2
    angles = (places[:, None] * base ** (-np.arange(half) / half))[:, None, :]
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    left, right = x[..., :half], x[..., half:]
    return np.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)


class SmallModel:
    """A SequenceModel: log-probabilities of texts and ids, in nats, under the course model.

    Attributes:
        bos, eos: ids (here the same token). vocabulary_size: |V|. window: the most ids that it reads.
        config, weights: what its files hold; arrays in float32.
    """

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.weights = read_weights(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.bos: int = self.config["bos_token_id"]
        self.eos: int = self.config["eos_token_id"]
        self.vocabulary_size: int = self.config["vocab_size"]
        self.window: int = self.config["max_position_embeddings"]
        self._read: tuple[list[int], Cache] = ([], [])

    # --- the model: ids in, logits out ---

    def logits(self, ids: Sequence[int], cache: Cache | None = None) -> np.ndarray:
        """float32 (n, |V|): row i is what the model says of the token after ids[i], having read all up to there.

        cache: the keys and values of ids that were read before; those of `ids` are appended to it. An empty list, or
        None, where these are the first.
        """
        layers: Cache = [] if cache is None else cache
        if not layers:
            empty = np.zeros((0, self.config["num_attention_heads"], self.config["head_dim"]), np.float32)
            layers += [(empty, empty)] * self.config["num_hidden_layers"]
        x = self.weights["model.embed_tokens.weight"][list(ids)]  # (n, D)
        for layer in range(len(layers)):
            x = x + self._attention(layer, self._normed(f"layers.{layer}.input_layernorm", x), layers)
            x = x + self._swiglu(layer, self._normed(f"layers.{layer}.post_attention_layernorm", x))
        return self._normed("norm", x) @ self.weights["model.embed_tokens.weight"].T

    def _normed(self, name: str, x: np.ndarray) -> np.ndarray:
        scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.config["rms_norm_eps"])
        return x / scale * self.weights[f"model.{name}.weight"]

    def _attention(self, layer: int, x: np.ndarray, cache: Cache) -> np.ndarray:
        query, key, value = (
            (x @ self.weights[f"model.layers.{layer}.self_attn.{name}_proj.weight"].T).reshape(
                len(x), self.config["num_attention_heads"], self.config["head_dim"]
            )
            for name in "qkv"
        )
        keys, values = cache[layer]
        places = np.arange(len(keys), len(keys) + len(x))
        base = self.config["rope_parameters"]["rope_theta"]
        keys = np.concatenate([keys, rotated(key, places, base)])
        values = np.concatenate([values, value])
        cache[layer] = keys, values
        scores = np.einsum("nhd,mhd->hnm", rotated(query, places, base), keys) / np.sqrt(query.shape[-1])
        scores[:, np.arange(len(keys)) > places[:, None]] = -np.inf  # nobody looks at what comes later
        shares = np.exp(log_softmax(scores)).astype(np.float32)
        mixed = np.einsum("hnm,mhd->nhd", shares, values).reshape(len(x), -1)
        return mixed @ self.weights[f"model.layers.{layer}.self_attn.o_proj.weight"].T

    def _swiglu(self, layer: int, x: np.ndarray) -> np.ndarray:
        gate, up = (x @ self.weights[f"model.layers.{layer}.mlp.{name}_proj.weight"].T for name in ("gate", "up"))
        return (gate / (1 + np.exp(-gate)) * up) @ self.weights[f"model.layers.{layer}.mlp.down_proj.weight"].T

    # --- log-probabilities of ids, taken as they are ---

    def next_log_probs(self, ids: Sequence[int]) -> np.ndarray:
        """(V,) float64, nats: log Pr(. | ids); ids begin with BOS. Of what it read last, nothing is computed again."""
        ids = self._checked("ids", ids, self.window)
        read, cache = self._read
        same = next((i for i, (one, other) in enumerate(zip(ids, read, strict=False)) if one != other), len(read))
        same = min(same, len(ids) - 1)
        cache = [(keys[:same], values[:same]) for keys, values in cache] if same else []
        row = self.logits(ids[same:], cache)[-1]
        self._read = ids, cache
        return log_softmax(row)

    def log_prob_ids(self, sequences: Iterable[Sequence[int]]) -> np.ndarray:
        """(N,) float64, nats: log Pr(sequence | BOS); each sequence begins with BOS."""
        return self.conditional_log_prob_ids([(list(ids)[:1], list(ids)[1:]) for ids in sequences])

    def conditional_log_prob_ids(self, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> np.ndarray:
        """(N,) float64, nats: log Pr(y | x) for each (x, y); x begins with BOS, y does not."""
        return np.array([self._scores(f"pair {i}", x, y).sum() for i, (x, y) in enumerate(pairs)], dtype=np.float64)

    def _scores(self, name: str, x: Sequence[int], y: Sequence[int]) -> np.ndarray:
        """(len(y),) float64, nats: log Pr(y_i | x, y_<i), each read off the row before it."""
        ids = self._checked(name, [*self._checked(name, x, self.window), *y], self.window + 1)  # the last is never read
        rows = log_softmax(self.logits(ids[:-1])[len(x) - 1 :]) if len(y) else np.zeros((0, 1))
        return rows[np.arange(len(y)), ids[len(x) :]]

    def _checked(self, name: str, ids: Sequence[int], most: int) -> list[int]:
        found = [int(i) for i in ids]
        if not found or found[0] != self.bos:
            raise ValueError(f"{name}: ids begin with BOS, {self.bos} here; got {found[:5]}: write [model.bos, *ids]")
        if not all(0 <= i < self.vocabulary_size for i in found):
            raise ValueError(f"{name}: an id outside of the vocabulary, 0 to {self.vocabulary_size - 1}")
        if len(found) > most:
            raise ValueError(f"{name}: {len(found)} ids, but the model reads {self.window} at once; shorten it")
        return found

    # --- texts ---

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without BOS and EOS."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=False)

    def log_prob(self, texts: Iterable[str]) -> np.ndarray:
        """(N,) float64, nats: log Pr(text | BOS) of each text."""
        return self.log_prob_ids([self.bos, *self.encode(text)] for text in texts)

    def conditional_log_prob(self, pairs: Iterable[tuple[str, str]]) -> np.ndarray:
        """(N,) float64, nats: log Pr(y | x) for each (x, y); the ids are those of x + y, as in `Scorer`."""
        parts = []
        for x, y in pairs:
            own, ids = self.encode(x), self.encode(x + y)
            n = next((i for i, (one, other) in enumerate(zip(own, ids, strict=False)) if one != other), len(own))
            parts.append(([self.bos, *ids[:n]], ids[n:]))
        return self.conditional_log_prob_ids(parts)

    def tokens(self, texts: Iterable[str]) -> list[TokenScores]:
        """Each text with the log-probability of each of its tokens given BOS and the tokens before it."""
        found = []
        for text in texts:
            ids = self.encode(text)
            scores = self._scores(repr(text), [self.bos], ids)
            found.append(TokenScores(text, tuple(ids), tuple(self.decode([i]) for i in ids), scores, self.bos))
        return found
