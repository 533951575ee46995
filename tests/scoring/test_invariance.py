"""What must not change a score, what must add up, and what a model keeps to itself."""

import copy
import math
import random

import numpy as np
import pytest
import torch

from course_utils.scoring import Scorer, forward
from course_utils.scoring.packing import packed_batch
from course_utils.scoring.plan import Job, padded_batch, padded_batches, windows
from course_utils.scoring.routes import Shortcuts, batch_log_probs, simple_log_probs

from . import families, texts
from .reference import nats

ABS = 1e-4
WORDS = "the cat sat on mat and dog ran after what is it".split()


def make_pairs(n: int, seed: int = 0) -> list[tuple[str, str]]:
    draw = random.Random(seed)

    def text(k: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(k))

    pairs: list[tuple[str, str]] = []
    while len(pairs) < n:
        x = text(draw.randint(1, 25))
        pairs += [(x, " " + text(draw.randint(1, 9))) for _ in range(draw.choice([1, 1, 4]))]
    return pairs[:n]


@pytest.mark.parametrize("family", ["gpt2", "llama", "bloom", "gemma2"])
def test_order_company_and_batch_size(family, model_of, with_bos):
    """Alone or together, in any order, at any batch size, by any route."""
    model, pairs = model_of(family), make_pairs(24)
    alone = [Scorer(model, with_bos, simple=True).conditional_log_prob([pair])[0] for pair in pairs]
    for tokens in (1, 60, 1024, 10**9):
        scorer = Scorer(model, with_bos, batch_tokens=tokens)
        assert scorer.conditional_log_prob(pairs) == pytest.approx(alone, abs=ABS, rel=0)
        order = random.Random(tokens).sample(range(len(pairs)), len(pairs))
        mixed = scorer.conditional_log_prob([pairs[i] for i in order])
        assert mixed == pytest.approx([alone[i] for i in order], abs=ABS, rel=0)
    full = [score.conditional for score in scorer.score(pairs)]
    assert full == pytest.approx(alone, abs=ABS, rel=0)
    again = scorer.conditional_log_prob(pairs + pairs)
    assert again == pytest.approx(alone + alone, abs=ABS, rel=0)


def test_padding_side_of_the_tokenizer(gpt2):
    sides = []
    for side in ("left", "right"):
        tokenizer = texts.byte_level("bos")
        tokenizer.padding_side = side
        sides.append(Scorer(gpt2, tokenizer).conditional_log_prob(make_pairs(8)))
    assert sides[0] == pytest.approx(sides[1], abs=1e-6)


def test_many_candidates_of_one_context(gpt2, with_bos):
    """More branches than a context carries at once; among them empty ones, equal ones and one-token ones."""
    x = "the cat sat on the mat"
    candidates = ["", " it", " it", *(" " + y.strip() for _, y in make_pairs(40, seed=3))]
    pairs = [(x, y) for y in candidates]
    fast, slow = (Scorer(gpt2, with_bos, simple=s, batch_tokens=64).conditional_log_prob(pairs) for s in (False, True))
    assert fast == pytest.approx(slow, abs=ABS, rel=0) and fast[0] == 0.0 and fast[1] == fast[2]
    joint = Scorer(gpt2, with_bos).score(pairs)
    assert {round(s.marginal, 4) for s in joint} == {round(joint[0].marginal, 4)}


def test_joint_is_marginal_plus_conditional(gpt2, with_bos):
    scorer = Scorer(gpt2, with_bos)
    for x, y in make_pairs(6):
        score = scorer.score([(x, y)])[0]
        assert score.joint == pytest.approx(scorer.log_prob([x + y])[0], abs=ABS)
        assert score.marginal == pytest.approx(scorer.log_prob([x])[0], abs=ABS)
        assert score.joint <= score.marginal
        swapped = scorer.score([(y.strip(), " " + x)])[0]
        assert abs(swapped.conditional - score.conditional) > 0.01  # trap: x and y swapped
        assert abs(score.joint - score.conditional) > 0.01  # trap: the joint reported as the conditional


def test_one_token_continuations_sum_to_one(gpt2, plain):
    """Over the whole vocabulary of the model, rows that pad it included; trap: softmax over another axis."""
    scorer = Scorer(gpt2, plain)
    assert scorer.vocabulary_size == families.VOCABULARY > len(plain)
    every = scorer.conditional_log_prob_ids([([0, 5, 9], [k]) for k in range(scorer.vocabulary_size)])
    assert math.fsum(np.exp(every)) == pytest.approx(1.0, abs=1e-5)
    row = scorer.next_log_probs([0, 5, 9])
    assert row.shape == (families.VOCABULARY,) and row.dtype == np.float64
    assert row == pytest.approx(every, abs=1e-5)
    assert math.fsum(np.exp(row[: len(plain)])) < 0.999  # trap: the padding rows left out of the sum


def test_the_ids_interface(gpt2, with_bos):
    scorer = Scorer(gpt2, with_bos)
    ids = scorer.encode("the cat sat")
    assert ids[0] != scorer.bos and scorer.decode(ids) == "the cat sat"
    whole = [scorer.bos, *ids]
    by_rows = sum(scorer.next_log_probs(whole[:t])[whole[t]] for t in range(1, len(whole)))
    assert scorer.log_prob_ids([whole, [scorer.bos]]) == pytest.approx([by_rows, 0.0], abs=ABS)
    assert scorer.log_prob_ids(np.array([whole])) == pytest.approx([by_rows], abs=ABS)
    assert scorer.conditional_log_prob_ids([(whole[:2], whole[2:]), (whole, [])]) == pytest.approx(
        [nats(whole, 2), 0.0], abs=ABS
    )
    with pytest.raises(ValueError, match="BOS"):
        scorer.log_prob_ids([ids])
    for bad in ([], [-1], [families.VOCABULARY]):
        with pytest.raises(ValueError):
            scorer.next_log_probs(bad)
    try:
        from course_utils.toy_language import SequenceModel
    except ImportError:
        return
    assert isinstance(scorer, SequenceModel)


def test_shift(gpt2, with_bos):
    """Traps: logits and labels not shifted, shifted twice, or y's first token dropped."""
    scorer = Scorer(gpt2, with_bos)
    ids = [0, *scorer.encode("the cat sat on the mat")]
    with torch.no_grad():
        logits = families.exact("gpt2")(torch.tensor([ids])).logits[0].log_softmax(-1)
    got = scorer.log_prob_ids([ids])[0]
    right = sum(logits[t - 1, ids[t]].item() for t in range(1, len(ids)))
    assert got == pytest.approx(right, abs=ABS)
    for shift in (0, -2):
        assert abs(sum(logits[t + shift, ids[t]].item() for t in range(2, len(ids))) - got) > 0.1
    assert abs(right - logits[0, ids[1]].item() - got) > 0.1


def test_the_loss_of_transformers(gpt2, with_bos):
    """Trap: transformers' loss is the mean over T - 1 tokens, which it shifts itself."""
    ids = torch.tensor([[0, *with_bos("the cat sat on", add_special_tokens=False).input_ids]])
    ids = ids.to(next(gpt2.parameters()).device)
    with torch.no_grad():
        loss = gpt2(ids, labels=ids).loss.item()
    got = Scorer(gpt2, with_bos).log_prob(["the cat sat on"])[0]
    assert -loss * (ids.shape[1] - 1) == pytest.approx(got, abs=ABS)
    assert abs(-loss * ids.shape[1] - got) > 0.1


def test_dropout_is_off_and_training_goes_on(gpt2, with_bos):
    """Trap: a model in training mode scores at random. Which submodules were training is put back one by one."""
    model = copy.deepcopy(gpt2).train()
    model.transformer.h[0].eval()
    before = {name: module.training for name, module in model.named_modules()}
    pairs = make_pairs(4)
    want = Scorer(gpt2, with_bos).conditional_log_prob(pairs)
    assert Scorer(model, with_bos).conditional_log_prob(pairs) == pytest.approx(want, abs=1e-6)
    assert {name: module.training for name, module in model.named_modules()} == before
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    ids = torch.tensor([[0, 5, 6]], device=next(model.parameters()).device)
    model(ids, labels=ids).loss.backward()  # scoring has left nothing that a gradient could not pass


def test_new_weights_give_new_scores(gpt2, with_bos):
    """Trap: something of the old weights kept, as a cache of keys and values would."""
    model = copy.deepcopy(gpt2)
    scorer = Scorer(model, with_bos)
    pairs = make_pairs(4)
    before = scorer.conditional_log_prob(pairs)
    with torch.no_grad():
        model.transformer.h[0].attn.c_attn.weight.mul_(-1)
    after = scorer.conditional_log_prob(pairs)
    assert np.abs(after - before).min() > 1e-3
    assert after == pytest.approx(Scorer(model, with_bos, simple=True).conditional_log_prob(pairs), abs=ABS)


def test_generation_settings_do_not_matter(gpt2, with_bos):
    """Trap: temperature, top-k and penalties make another model."""
    model = copy.deepcopy(gpt2)
    model.generation_config.temperature, model.generation_config.top_k = 0.3, 2
    pairs = make_pairs(3)
    assert Scorer(model, with_bos).conditional_log_prob(pairs) == pytest.approx(
        Scorer(gpt2, with_bos).conditional_log_prob(pairs), abs=1e-6
    )


def test_float32_is_float32_all_through(gpt2, with_bos):
    """Traps: TF32 or bfloat16 products inside of float32, and a caller's autocast. The settings are put back."""
    seen = []
    model = copy.deepcopy(gpt2)
    model.transformer.h[0].register_forward_hook(
        lambda *_: seen.append((torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision))
    )
    matmuls = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul
    before = [backend.fp32_precision for backend in matmuls]
    pairs = make_pairs(6)
    want = Scorer(gpt2, with_bos).conditional_log_prob(pairs)
    try:
        for backend in matmuls:
            backend.fp32_precision = "bf16" if backend is matmuls[1] else "tf32"
        with torch.autocast("cpu", dtype=torch.bfloat16):
            got = Scorer(model, with_bos).conditional_log_prob(pairs)
        assert [backend.fp32_precision for backend in matmuls] == ["tf32", "bf16"]
    finally:
        for backend, precision in zip(matmuls, before, strict=True):
            backend.fp32_precision = precision
    assert got == pytest.approx(want, abs=1e-5) and set(seen) == {("ieee", "ieee")}


def test_sums_are_float64(gpt2, with_bos):
    """Trap: sums in float32 lose the third digit of a long document, in 16 bits all of them."""
    scores = Scorer(gpt2, with_bos, overflow="slide", stride=families.WINDOW).tokens(["the cat sat on " * 200])[0]
    assert scores.log_probs.dtype == np.float64 and scores.log_prob == pytest.approx(
        math.fsum(scores.log_probs), abs=1e-9
    )
    running = np.float32(0)
    for value in np.tile(scores.log_probs, 250).astype(np.float32):
        running += value
    assert abs(float(running) - 250 * scores.log_prob) > 1e-2


def test_no_probability_above_one(gpt2, plain):
    """Trap: a logit and the normaliser are rounded each in its own way; a certain token is then more than certain."""
    model = copy.deepcopy(gpt2)
    with torch.no_grad():
        model.transformer.ln_f.weight.mul_(30)  # logits of some hundreds, as trained models have them
    for simple in (False, True):
        scorer, ids = Scorer(model, plain, simple=simple), [0]
        for _ in range(60):
            ids.append(int(scorer.next_log_probs(ids).argmax()))
        likely = scorer.conditional_log_prob_ids([(ids[:t], ids[t : t + 1]) for t in range(1, len(ids))])
        assert (likely <= 0).all() and (likely > -1e-4).any()


def test_the_conditional_is_a_sum_of_its_own(gpt2, plain):
    """Trap: joint minus marginal, two large numbers, loses digits in float32, and in 16 bits the whole score."""
    ids = np.random.default_rng(0).integers(2, 320, families.WINDOW)
    scorer = Scorer(gpt2, plain)
    x_y, x = scorer.log_prob_ids([[0, *ids], [0, *ids[:-1]]])
    right = nats([0, *ids.tolist()], len(ids))
    assert scorer.conditional_log_prob_ids([([0, *ids[:-1]], ids[-1:])])[0] == pytest.approx(right, abs=1e-5)
    sixteen_bit = torch.tensor([x_y, x]).bfloat16()
    assert abs(sixteen_bit[0] - sixteen_bit[1] - right) > 0.1


def test_out_of_memory_halves_the_batch(gpt2, with_bos, monkeypatch):
    pairs = make_pairs(30)
    want = Scorer(gpt2, with_bos).conditional_log_prob(pairs)
    tried = []
    real = forward.batch_log_probs

    def small(model, batches, shortcuts):
        tried.append(max(batch.input_ids.size for batch in batches))
        if tried[-1] > 90:
            raise torch.OutOfMemoryError("CUDA out of memory") if len(tried) % 2 else MemoryError()
        return real(model, batches, shortcuts)

    monkeypatch.setattr(forward, "batch_log_probs", small)
    assert Scorer(gpt2, with_bos).conditional_log_prob(pairs) == pytest.approx(want, abs=ABS)
    assert tried[0] > 90 >= tried[-1]

    def never(model, batches, shortcuts):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(forward, "batch_log_probs", never)
    with pytest.raises(RuntimeError, match="allocate"):
        Scorer(gpt2, with_bos).conditional_log_prob(pairs)

    def other(model, batches, shortcuts):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(forward, "batch_log_probs", other)
    with pytest.raises(RuntimeError, match="shapes"):
        Scorer(gpt2, with_bos).conditional_log_prob(pairs)


def test_windows_score_every_id_once():
    for n in range(1, 40):
        for window in (1, 3, 10):
            for stride in range(1, window + 1):
                for first in range(1, n + 1):
                    parts = windows(Job(np.arange(n), first, first), window, stride)
                    assert [i for part in parts for i in part.ids[part.first :]] == list(range(first, n))
                    assert all(part.first >= 1 and len(part.ids) - 1 <= window for part in parts if len(part.ids))


def test_padded_batches_keep_to_the_budget():
    jobs = [Job(np.arange(n), 1, 1) for n in (3, 50, 2, 2, 9, 30, 31, 200)]
    batches = padded_batches(jobs, 64)
    assert sorted(map(id, (job for part in batches for job in part))) == sorted(map(id, jobs))
    for part in batches:
        assert len(part) == 1 or len(part) * max(len(job.ids) - 1 for job in part) <= 64
    assert len(padded_batches([Job(np.arange(9), 1, 1) for _ in range(8)], 64)) == 1  # the last id is never read


def test_ids_and_weights_stay_on_the_models_device(monkeypatch):
    """A GPU without a GPU: the model says it lives on "meta", where only shapes exist, and every tensor must follow."""
    devices = []

    class Spy(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if function in (torch.nn.functional.embedding, torch.nn.functional.linear):
                devices.append({a.device.type for a in args if isinstance(a, torch.Tensor)})
            return function(*args, **(kwargs or {}))

    monkeypatch.setattr("transformers.masking_utils.find_packed_sequence_indices", lambda _: None)  # asks for values
    model = copy.deepcopy(families.build("llama")).to("meta")
    jobs = [Job(np.array(ids), first, 2) for ids, first in (([1, 2, 3, 4], 1), ([1, 2, 5], 1), ([7, 8, 9], 2))]
    with Spy(), torch.no_grad():
        for batch in (padded_batch(jobs), packed_batch(jobs)):
            for cuts in (Shortcuts(head=True), Shortcuts()):
                scores = batch_log_probs(model, [batch], cuts)
                assert scores.device.type == "meta" and scores.shape == (6,)
        assert simple_log_probs(model, jobs[0]).device.type == "meta"
    assert devices and all(where == {"meta"} for where in devices)
