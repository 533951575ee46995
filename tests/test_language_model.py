"""The course model, its loader and its figures, from the shipped files alone: no network, no corpus."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from course_utils import load_language_model
from course_utils.language_model import (
    COURSE_MODEL_FOLDER,
    bits_per_byte,
    document_log_probs,
    minimal_pairs,
    prefers_good,
    tiny_model,
    tiny_scorer,
    wilson_interval,
)


@pytest.fixture(scope="module")
def course_model():
    return load_language_model("course", device="cpu")


# ---------------------------------------------------------------- loading


def test_loads_quickly_and_says_nothing(capfd, course_model):
    """The fixture has paid for the imports; what is left is reading the files."""
    begun = time.process_time()
    model, _ = load_language_model("course", device="cpu")
    assert time.process_time() - begun < 2
    assert capfd.readouterr() == ("", "")
    assert not model.training


def test_a_fresh_process_prints_nothing_and_warns_of_nothing():
    code = (
        "import sys, course_utils.language_model as lm; lm.minimal_pairs(); assert 'torch' not in sys.modules\n"
        "from course_utils import load_language_model\n"
        "model, tokenizer = load_language_model(device='cpu')\n"
        "print(model.dtype, model.num_parameters())"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    environment.pop("COURSE_MODEL", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=environment, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    dtype, parameters = done.stdout.split()
    assert dtype == "torch.float32"
    assert 5e6 < int(parameters) < 15e6


def test_dtype_and_device():
    model, _ = load_language_model("course", device="cpu", dtype="bfloat16")
    assert model.dtype is torch.bfloat16
    model, _ = load_language_model("course", device=torch.device("cpu"), dtype=torch.float64)
    assert (model.dtype, model.device.type) == (torch.float64, "cpu")
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    model, _ = load_language_model("course")
    assert (model.dtype, model.device.type) == (torch.float32, expected)


def test_loading_turns_tf32_off():
    torch.set_float32_matmul_precision("high")
    load_language_model("course", device="cpu")
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


def test_a_folder_and_the_environment_variable(tmp_path, monkeypatch, course_model):
    model, tokenizer = course_model
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    weight = "model.layers.0.mlp.up_proj.weight"
    for name in (tmp_path, str(tmp_path)):
        loaded, _ = load_language_model(name, device="cpu")
        assert torch.equal(loaded.state_dict()[weight], model.state_dict()[weight])
    monkeypatch.setenv("COURSE_MODEL", str(tmp_path))
    loaded, _ = load_language_model(device="cpu")
    assert loaded.name_or_path == str(tmp_path)
    monkeypatch.setenv("COURSE_MODEL", "")
    loaded, _ = load_language_model(device="cpu")
    assert loaded.name_or_path == str(COURSE_MODEL_FOLDER)


@pytest.mark.parametrize("name", ["somebody/no-such-model", "no-such-model"])
def test_without_network_a_hub_name_gives_one_clear_line(monkeypatch, capfd, name):
    monkeypatch.setattr("course_utils.language_model.loading._hub_is_near", lambda: False)
    with pytest.raises(OSError, match="course model") as failure:
        load_language_model(name)
    assert name in str(failure.value)
    assert "\n" not in str(failure.value)
    assert failure.value.__suppress_context__  # the reader sees this line, not transformers' pages
    assert capfd.readouterr() == ("", "")


def test_a_missing_folder_gives_one_clear_line():
    with pytest.raises(OSError, match="no folder.*course model") as failure:
        load_language_model("./no/such/folder")
    assert "\n" not in str(failure.value)


# ---------------------------------------------------------------- the shipped files


def test_the_shipped_files_are_small_and_complete():
    sizes = {path.name: path.stat().st_size for path in COURSE_MODEL_FOLDER.iterdir()}
    assert {
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "config.json",
        "generation_config.json",
    } == set(sizes)
    assert sum(sizes.values()) <= 30e6
    header = (COURSE_MODEL_FOLDER / "model.safetensors").read_bytes()
    length = int.from_bytes(header[:8], "little")
    tensors = json.loads(header[8 : 8 + length])
    assert {tensor["dtype"] for name, tensor in tensors.items() if name != "__metadata__"} <= {"BF16", "F16"}


def test_the_auto_classes_open_the_folder_and_agree(course_model):
    model, tokenizer = course_model
    plain = AutoModelForCausalLM.from_pretrained(COURSE_MODEL_FOLDER, dtype=torch.float32).eval()
    ids = AutoTokenizer.from_pretrained(COURSE_MODEL_FOLDER)("The boy ate an apple.", return_tensors="pt")["input_ids"]
    assert ids.tolist() == tokenizer("The boy ate an apple.", return_tensors="pt")["input_ids"].tolist()
    with torch.inference_mode():
        torch.testing.assert_close(plain(ids).logits, model(ids).logits, rtol=0, atol=1e-5)


# ---------------------------------------------------------------- the tokenizer

ODD_TEXTS = [
    "",
    " ",
    "  two  spaces, a tab\t, a line end\r\n and one more\n\n",
    "naïve café — “quoted” … ½ £5 €6",
    "Ελληνικά, русский, 中文, 日本語, हिन्दी, العربية, עברית",
    "👩‍👩‍👧‍👦 🇫🇷 e\u0301 (decomposed) \u00e9 (composed)",
    "\u200b\u202e\ufeff\x00\x07 control and zero width",
    "I'm, you're, DON'T; 1234567890 3.14159; a_b-c/d\\e",
    "<|endoftext",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_text_round_trips(course_model, text):
    _, tokenizer = course_model
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_one_special_token_is_put_in_front_and_none_behind(course_model):
    model, tokenizer = course_model
    assert tokenizer.bos_token_id == tokenizer.eos_token_id == tokenizer.pad_token_id == 0
    assert tokenizer.all_special_ids == [0]
    bare = tokenizer("The boy ate an apple.", add_special_tokens=False)["input_ids"]
    assert tokenizer("The boy ate an apple.")["input_ids"] == [0, *bare]
    assert 0 not in bare
    assert len(tokenizer) == model.config.vocab_size == model.get_input_embeddings().num_embeddings
    for config in (model.config, model.generation_config):
        assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (0, 0, 0)


# ---------------------------------------------------------------- the evaluation functions


def test_log_prob_is_the_sum_over_the_tokens(course_model):
    """One text at a time, in float64, against the batched function."""
    model, tokenizer = course_model
    texts = ["The dog ran to the gate.", "Why?", "", "My grandmother keeps seven chickens behind her house."]
    expected = []
    for text in texts:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            log_probs = model(ids).logits[0].double().log_softmax(-1)
        expected.append(sum(log_probs[place - 1, ids[0, place]].item() for place in range(1, ids.shape[1])))
    np.testing.assert_allclose(document_log_probs(model, tokenizer, texts), expected, atol=1e-4)


def test_windows_score_every_token_once(course_model):
    """With a model that knows nothing, every token costs log V, however the text is cut."""
    model, tokenizer = course_model
    flat = type(model)(model.config).eval()
    torch.nn.init.zeros_(flat.get_input_embeddings().weight)
    texts = [" ".join(["word"] * n) for n in (1, 7, 8, 9, 15, 16, 17, 40, 41)]
    tokens = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
    found = document_log_probs(flat, tokenizer, texts, window=16)
    np.testing.assert_allclose(found, -math.log(len(tokenizer)) * np.array(tokens), rtol=1e-6)


def test_wilson_interval():
    """Newcombe (1998), table I, method 3: 81 of 263 gives 0.2553 to 0.3662."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


# ---------------------------------------------------------------- what the model knows


def test_everyday_minimal_pairs(course_model):
    pairs = minimal_pairs()
    assert len(pairs) >= 150
    assert len({pair["id"] for pair in pairs}) == len({pair["good"] for pair in pairs}) == len(pairs)
    assert all(set(pair) == {"id", "category", "good", "bad"} and pair["good"] != pair["bad"] for pair in pairs)
    assert min(Counter(pair["category"] for pair in pairs).values()) >= 8
    right = prefers_good(*course_model, [pair["good"] for pair in pairs], [pair["bad"] for pair in pairs])
    assert right.mean() >= 0.85


@pytest.mark.parametrize(
    ("context", "better", "worse"),
    [
        ("The children are playing in the", " park", " soup"),
        ("The boy ate an", " apple", " dog"),
        ("She opened the door and went", " inside", " apple"),
        ("Once upon a", " time", " dog"),
        ("He was very", " happy", " house"),
        ("My sister and I", " are", " is"),
    ],
)
def test_next_words(course_model, context, better, worse):
    model, tokenizer = course_model
    good, bad = document_log_probs(model, tokenizer, [context + better, context + worse])
    assert good > bad + math.log(2)


STORY = (
    "One morning, a girl named Ana found a small grey kitten behind the shed. The kitten was cold and hungry. Ana gave "
    "it some warm milk and put it in a box with an old towel. Her mother smiled and said that it could stay."
)
SENTENCES = [
    "We missed the bus because of the rain.",
    "I have never been to the mountains.",
    "Could you show me where the library is?",
]
CLASSIC = (
    "The old gentleman looked at the boys for a long while without saying a word; then he took off his hat, laid it "
    "upon the table, and declared that he had never in all his life been so much astonished."
)


def test_bits_per_byte_of_new_text(course_model):
    """Texts written for this test; 8 bits would be knowing nothing, and about 2.5 is what xz needs for English."""
    assert bits_per_byte(*course_model, [STORY]) < 1.2
    assert bits_per_byte(*course_model, SENTENCES) < 1.0
    assert bits_per_byte(*course_model, [CLASSIC]) < 1.2
    shuffled = " ".join(reversed(STORY.split()))
    assert bits_per_byte(*course_model, [shuffled]) > 1.5 * bits_per_byte(*course_model, [STORY])


def test_contexts_of_some_hundred_tokens_help(course_model):
    """The model was trained on up to 512 tokens: what stood 250 tokens ago still lowers the cost, by nats."""
    model, tokenizer = course_model
    between = " The sun was warm and the birds sang in the trees, and everyone in the village was glad." * 12
    named = "Ana had a kitten whose name was Pemberton." + between
    question = " Ana called her kitten Pemberton."
    assert len(tokenizer(between)["input_ids"]) > 200
    texts = [named + question, named, between + question, between]
    with_name, before, without_name, before_without = document_log_probs(model, tokenizer, texts)
    assert with_name - before > without_name - before_without + 5


def test_generation_stops_at_the_special_token(course_model):
    model, tokenizer = course_model
    ids = tokenizer("The boy ate an", return_tensors="pt")
    out = model.generate(**ids, max_new_tokens=40, do_sample=False)[0].tolist()
    assert out[: ids["input_ids"].shape[1]] == ids["input_ids"][0].tolist()
    assert out[-1] == tokenizer.eos_token_id
    assert len(out) < 40


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_tiny_models_are_the_same_each_time_and_leave_random_state_alone(family):
    ids = torch.tensor([[0, 3, 5, 7, 2]])
    state = torch.random.get_rng_state()
    with torch.no_grad():
        first, again, other = (tiny_model(family, seed)(ids).logits for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 1
    assert torch.equal(torch.random.get_rng_state(), state)
    with pytest.raises(ValueError, match="gpt2"):
        tiny_model("bert")


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("setting", ["float64", "float16", "device", "inference"])
def test_a_tiny_model_is_the_same_whatever_is_set_outside(family, setting):
    usual = tiny_model(family, 3).state_dict()
    with torch.inference_mode(setting == "inference"):
        try:
            torch.set_default_dtype({"float64": torch.float64, "float16": torch.float16}.get(setting, torch.float32))
            torch.set_default_device("meta" if setting == "device" else None)
            before = torch.get_default_dtype(), torch.get_default_device()
            model = tiny_model(family, 3)
            assert (torch.get_default_dtype(), torch.get_default_device()) == before
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_default_device(None)
    for name, weight in model.state_dict().items():
        assert weight.dtype == torch.float32 and torch.equal(weight, usual[name])
    assert all(weight.requires_grad and not weight.is_inference() for weight in model.parameters())


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_loss_comes_without_a_warning(family, capfd):
    ids = torch.tensor([[0, 3, 5]])
    assert tiny_model(family)(ids, labels=ids).loss > 0
    assert capfd.readouterr() == ("", "")


def test_a_tiny_model_rounds_its_logits_where_asked():
    ids = torch.tensor([[0, 3, 5]])
    with torch.no_grad():
        full, rounded = (tiny_model("llama", 3, logits_dtype=dtype)(ids).logits for dtype in (None, torch.bfloat16))
    assert rounded.dtype == torch.bfloat16
    assert torch.equal(rounded, full.to(torch.bfloat16)) and not torch.equal(rounded, full)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_tiny_scorer_is_a_sequence_model_of_the_tiny_model(family):
    scorer, ids = tiny_scorer(family, 3), [0, 3, 5, 7]
    with torch.no_grad():
        rows = tiny_model(family, 3)(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    assert (scorer.bos, scorer.eos, scorer.vocabulary_size) == (0, 1, 40)
    assert scorer.encode("w3 w5") == [3, 5] and scorer.decode([3, 5]) == "w3 w5"
    assert scorer.log_prob_ids([ids])[0] == pytest.approx(sum(rows[t, ids[t + 1]].item() for t in range(3)), abs=1e-5)
    np.testing.assert_allclose(scorer.next_log_probs(ids), rows[-1].numpy(), atol=1e-5)
