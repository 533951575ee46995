"""The recipe of the course model, on a corpus and a model small enough for seconds."""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "training"), str(ROOT / "benchmarks")]

import prepare  # noqa: E402
import report  # noqa: E402
import tokenizer as tokenizer_script  # noqa: E402
import train  # noqa: E402
from kneser_ney import KneserNey  # noqa: E402

# ---------------------------------------------------------------- text


def test_sources_name_everything():
    listed = json.loads(prepare.SOURCES.read_text(encoding="utf-8"))
    for entry in listed["sources"].values():
        assert len(entry["commit"]) == 40 and entry["paths"] and entry["licence"] and "/" in entry["repository"]
    trained = {entry["source"] for entry in listed["files"] if entry["file"].startswith("train/")}
    for name in ("config_cpu.json", "config_gpu.json"):
        config = json.loads((ROOT / "training" / name).read_text(encoding="utf-8"))
        assert set(config["mix"]) == trained
        assert "book_alice" not in config["mix"]
    assert {entry["source"] for entry in listed["files"]} == set(listed["sources"])


def test_a_changed_or_missing_file_is_named(tmp_path):
    (tmp_path / "a").write_bytes(b"text")
    files = [{"file": name, "sha256": hashlib.sha256(b"text").hexdigest()} for name in ("a", "b")]
    assert prepare.wrong_files(tmp_path, files[:1]) == []
    assert prepare.wrong_files(tmp_path, files) == ["b: missing"]
    (tmp_path / "a").write_bytes(b"texT")
    assert len(prepare.wrong_files(tmp_path, files[:1])) == 1


def test_the_download_is_checked_against_the_commit(tmp_path):
    content = {"a b.txt": b"hello\n", "c.md": b"other"}
    assert prepare.git_blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"  # what git hash-object says
    asked: list[str] = []

    def get(url: str) -> bytes:
        asked.append(url)
        if "/git/trees/" in url:
            blobs = [{"path": p, "type": "blob", "sha": prepare.git_blob_id(c)} for p, c in content.items()]
            return json.dumps({"tree": blobs}).encode()
        return served[url.rsplit("/", 1)[1]]

    served = {"a%20b.txt": b"hello\n"}
    entry = {"repository": "someone/books", "commit": "0" * 40, "paths": ["*.txt"]}
    assert prepare.download("books", entry, tmp_path, get) == 1
    assert (tmp_path / "books" / "a b.txt").read_bytes() == b"hello\n"
    assert prepare.download("books", entry, tmp_path, get) == 1
    assert len(asked) == 3  # the second time only the list
    served["c.md"] = b"something else"
    with pytest.raises(SystemExit, match="c.md"):
        prepare.download("books", {**entry, "paths": ["c.md"]}, tmp_path, get)
    with pytest.raises(SystemExit, match="no file"):
        prepare.download("books", {**entry, "paths": ["d.md"]}, tmp_path, get)


# ---------------------------------------------------------------- data


def test_the_stream_holds_whole_passes_over_the_mix():
    sources = {"a": [np.array([0, 1, 1])] * 4, "b": [np.array([0, 2]), np.array([0, 3])]}
    stream = train.token_stream(sources, {"a": 2.5, "b": 1}, 34, seed=0)
    assert len(stream) == 34  # one pass: ten copies of a's documents, b once
    assert [int((stream == token).sum()) for token in range(4)] == [12, 20, 1, 1]
    longer = train.token_stream(sources, {"a": 2.5, "b": 1}, 60, seed=0)
    assert (longer[:34] == stream).all()  # the length of a run does not change its beginning


def test_a_document_sees_itself_and_nothing_later():
    inputs = torch.tensor([[5, 0, 6, 0, 7]])
    expected = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 1]]
    assert train.document_mask(inputs, bos=0)[0, 0].int().tolist() == expected


def test_the_learning_rate_rises_stays_and_falls_to_zero():
    settings = {"warmup_steps": 4, "decay_steps": 10}
    factors = [train.learning_rate_factor(step, 30, settings) for step in range(30)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1]
    assert factors[4:21] == [1] * 17
    assert factors[20:] == pytest.approx([1 - 0.1 * k for k in range(10)])


# ---------------------------------------------------------------- the run

CONFIG = {
    "seed": 3,
    "model": {
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    },
    "residual_dropout": 0.0,
    "mix": {"small": 2},
    "steps": 12,
    "batch_tokens": 64,
    "sequence_length": 16,
    "long_sequence_length": 32,
    "long_steps": 3,
    "optimizer": {
        "muon_lr": 0.02,
        "muon_weight_decay": 0.05,
        "adamw_lr": 0.01,
        "adamw_betas": [0.9, 0.98],
        "adamw_weight_decay": 0.01,
        "warmup_steps": 2,
        "decay_steps": 6,
        "clip": 1.0,
    },
    "eval_every": 4,
    "eval_tokens": 64,
    "patience": None,
    "checkpoint_minutes": 10,
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "train").mkdir()
    (folder / "heldout").mkdir()
    lines = "".join(
        json.dumps({"text": f"The {animal} saw {n} trees."}) + "\n" for n in range(9) for animal in ("cat", "dog")
    )
    for name in ("train/small", *(f"heldout/{source}" for source in train.HELD_OUT)):
        (folder / f"{name}.jsonl.xz").write_bytes(lzma.compress(lines.encode()))
    texts = tokenizer_script.weighted_texts(folder, CONFIG["mix"])
    tokenizer_script.save(tokenizer_script.train_tokenizer(texts, 300), folder / "tokenizer")
    return folder


def run(corpus: Path, folder: Path, config: dict, **changes) -> list[float]:
    """Train and return the losses."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    choices = dict(export=None, shard_size="5GB", steps=None, minutes=None, device="cpu", threads=None, compile=False)
    train.train(
        argparse.Namespace(
            config=folder / "config.json",
            corpus=corpus,
            tokenizer=corpus / "tokenizer",
            run=folder,
            **(choices | changes),
        )
    )
    return report.read_column(folder / "losses.csv", "loss")


@pytest.mark.slow
def test_an_interrupted_run_is_the_same_run(corpus, tmp_path):
    whole = run(corpus, tmp_path / "whole", CONFIG, export=tmp_path / "model", shard_size="20KB")
    assert len(whole) == 12 and whole[-1] < whole[0] - 0.5
    assert run(corpus, tmp_path / "legs", CONFIG, steps=5) == whole[:5]
    assert run(corpus, tmp_path / "legs", CONFIG) == pytest.approx(whole, rel=1e-3)
    assert report.read_column(tmp_path / "legs" / "held_out.csv", "step") == [4, 8, 12]
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 1
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    ids = AutoTokenizer.from_pretrained(tmp_path / "model")("The cat", return_tensors="pt")["input_ids"]
    assert ids[0, 0] == 0 and model.dtype is torch.bfloat16
    assert model(ids).logits.shape == (1, ids.shape[1], 300)


@pytest.mark.slow
def test_early_stopping_keeps_the_best(corpus, tmp_path):
    config = CONFIG | {"patience": 4, "eval_every": 2, "steps": 40, "residual_dropout": 0.1}
    config["optimizer"] = CONFIG["optimizer"] | {"adamw_lr": 3.0, "muon_lr": 3.0, "warmup_steps": 20}  # it must diverge
    losses = run(corpus, tmp_path, config, export=tmp_path / "model")
    table = (tmp_path / "held_out.csv").read_text(encoding="utf-8").splitlines()[1:]
    means = {int(row.split(",")[0]): sum(map(float, row.split(",")[1:])) for row in table}
    best = min(means, key=means.get)
    assert len(losses) == best + 4 < 40
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (
        tmp_path / "best" / "model.safetensors"
    ).read_bytes()


def test_the_comparison_notices_another_run():
    assert report.largest_difference([2.0, 1.0], [2.0, 1.0, 5.0]) == (0, 2)
    difference, step = report.largest_difference([2.0, 1.03], [2.0, 1.0])
    assert (difference, step) == (pytest.approx(0.03), 2)
    recorded = report.read_column(report.HERE / "first_losses.csv", "loss")
    assert len(recorded) == 100
    assert recorded[0] == pytest.approx(np.log(6144), rel=0.02)  # an untrained model knows nothing


# ---------------------------------------------------------------- the n-gram yardstick


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_kneser_ney_is_a_distribution(order):
    random = np.random.default_rng(0)
    model = KneserNey([random.integers(0, 5, random.integers(0, 9)) for _ in range(60)], 5, order)
    for history in ([], [1], [1, 2], [3, 3, 4, 1, 0, 2]):
        total = np.exp(model.token_log_probs([np.array(history, int)])[0][len(history)])  # that the document ends here
        for token in range(5):
            total += np.exp(model.token_log_probs([np.array([*history, token])])[0][len(history)])
        assert total == pytest.approx(1)


def test_kneser_ney_bigram_by_hand():
    """Documents `0 1` three times, `0 0`, `1 1` and an empty one: 1 came three times after the five zeros."""
    model = KneserNey([np.array(ids, int) for ids in ([0, 1], [0, 1], [0, 1], [0, 0], [1, 1], [])], 2, order=2)
    unigram, bigram = model.orders
    # Left neighbours: of 0 {BOS, 0}; of 1 {BOS, 0, 1}; of EOS {0, 1, BOS}.
    assert dict(zip(unigram.keys.tolist(), unigram.counts.tolist(), strict=True)) == {0: 2, 1: 3, 2: 3, 3: 0}
    given = 0.0
    counts = {0: 1, 1: 3, 2: 1}  # after 0
    for count in counts.values():
        given += bigram.discounts[min(count, 3)]
    lower = (3 - unigram.discounts[3] + unigram.given[0] / 3) / 8
    expected = (3 - bigram.discounts[3] + given * lower) / 5
    found = model.token_log_probs([np.array([0, 1])])[0][1]
    assert found == pytest.approx(np.log(expected))
