"""Several threads on one model: scores are those of one thread, and the model is everybody's own all the while."""

import copy
import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from course_utils.scoring import Scorer, forward, mode, packing, probe

from . import families, texts
from .reference import conditional

ABS = 1e-5
PAIRS = [
    [("the cat", " sat"), ("the cat", " ran after the dog"), ("what is", " it")],
    [("the dog ran after the cat and what is it", " the mat")],
    [("and", " the dog"), ("and", " it"), ("it is on the mat", " what")],
    [("what is it", y) for y in (" the", " cat", " dog ran", " and it")],
]
WAIT = 60  # seconds until a test gives up


@pytest.fixture
def model(gpt2):
    """A copy in training mode but for one submodule, so that dropout shows where it is not off."""
    model = copy.deepcopy(gpt2).train()
    model.transformer.h[0].eval()
    return model


def state(model) -> tuple:
    """All of a model, and of torch, that scoring might leave changed."""
    training = {name: module.training for name, module in model.named_modules()}
    hooks = sum(len(module._forward_hooks) for module in model.modules())
    precision = [matmul.fp32_precision for matmul in mode.MATMULS]
    return training, hooks, precision, model.config._attn_implementation, torch.is_grad_enabled()


@contextmanager
def paused(model, score):
    """While it holds, another thread is in the middle of the model; gives what ``score`` will have returned after."""
    inside, go_on = threading.Event(), threading.Event()

    def stop(*_):
        if threading.current_thread().name.startswith("paused") and not inside.is_set():
            inside.set()
            assert go_on.wait(WAIT)

    handle = model.transformer.h[1].register_forward_hook(stop)
    with ThreadPoolExecutor(1, thread_name_prefix="paused") as pool:
        future = pool.submit(score)
        try:
            assert inside.wait(WAIT)
            yield future
        finally:
            go_on.set()
    handle.remove()


def test_eight_threads_give_the_numbers_of_one(gpt2, with_bos):
    """400 calls; all the while, the model's own attention is sampled and the model itself is called."""
    scorers = [Scorer(gpt2, with_bos), Scorer(gpt2, with_bos, batch_tokens=8)]  # two of one model
    want = [Scorer(copy.deepcopy(gpt2), with_bos).conditional_log_prob(pairs) for pairs in PAIRS]
    ids = torch.tensor([[0, 5, 9, 30, 31, 32, 7, 7]], device=next(gpt2.parameters()).device)
    own, stop, seen, moved = gpt2.config._attn_implementation, threading.Event(), set(), []
    with torch.no_grad():
        logits = gpt2(ids).logits

    def watch():
        while not stop.is_set():
            seen.update(gpt2.config._attn_implementation for _ in range(100))
            with torch.no_grad():
                moved.append(float((gpt2(ids).logits - logits).abs().max()))

    def call(i: int) -> float:
        got = scorers[i % 2].conditional_log_prob(PAIRS[i % 4])
        return float(np.abs(got - want[i % 4]).max())

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            errors = list(pool.map(call, range(400)))
    finally:
        stop.set()
        watcher.join()
        sys.setswitchinterval(usual)
    assert all(scorer._forward.shortcuts.packing for scorer in scorers)
    assert len(errors) == 400 and max(errors) < ABS
    assert seen == {own} and max(moved) < ABS


def test_the_model_is_its_own_while_another_thread_scores(model, gpt2, with_bos):
    """In the middle of a packed row of one thread: attention, and another scorer's whole call."""
    scorer, pairs = Scorer(model, with_bos), PAIRS[0]
    want = [conditional(with_bos, *pair, lead=[0]) for pair in pairs]
    assert scorer._forward.shortcuts.packing
    before, ids = state(model), torch.tensor([[0, 5, 9, 30]], device=next(model.parameters()).device)
    with paused(model, lambda: scorer.conditional_log_prob(pairs)) as first:
        assert model.config._attn_implementation == gpt2.config._attn_implementation != packing.NAME
        with torch.no_grad():
            torch.testing.assert_close(model(ids).logits, gpt2(ids).logits)  # not packed, nor with dropout
        for other in (scorer, Scorer(model, with_bos)):
            assert other.conditional_log_prob(pairs) == pytest.approx(want, abs=1e-4)
        # the first has not done yet, and needs what the others would have put back
        assert not any(module.training for module in model.modules())
    assert first.result() == pytest.approx(want, abs=1e-4)
    assert state(model)[0] == before[0] and state(model)[2:] == before[2:]


def test_exact_products_until_the_last_has_done(model, gpt2, with_bos):
    """Trap: the second thread finds the setting of the first, and the first puts back what the second still needs."""
    matmul = torch.backends.mkldnn.matmul
    usual = matmul.fp32_precision
    scorer, other = Scorer(model, with_bos), Scorer(gpt2, with_bos)
    scorer.conditional_log_prob(PAIRS[0])
    want = other.conditional_log_prob(PAIRS[1])  # both have had their self-test
    try:
        matmul.fp32_precision = "bf16"
        with paused(model, lambda: scorer.conditional_log_prob(PAIRS[0])):
            assert other.conditional_log_prob(PAIRS[1]) == pytest.approx(want, abs=ABS)
            assert matmul.fp32_precision == "ieee"
        assert matmul.fp32_precision == "bf16" and not mode.loans
    finally:
        matmul.fp32_precision = usual


@pytest.mark.parametrize("error", [KeyboardInterrupt, torch.OutOfMemoryError, MemoryError, ZeroDivisionError])
@pytest.mark.parametrize("tested", [False, True], ids=["in the self-test", "in a call"])
def test_an_error_leaves_the_model_as_it_was(error, tested, model, with_bos):
    scorer = Scorer(model, with_bos)
    if tested:
        assert scorer._forward.shortcuts.packing
    before = state(model)

    def fail(*_):
        raise error

    handle = model.transformer.h[1].mlp.register_forward_hook(fail)
    with pytest.raises(error):
        scorer.conditional_log_prob(PAIRS[0])
    handle.remove()
    assert state(model) == before and not mode.loans
    want = [conditional(with_bos, *pair, lead=[0]) for pair in PAIRS[0]]
    assert scorer.conditional_log_prob(PAIRS[0]) == pytest.approx(want, abs=1e-4)


def test_threads_that_all_come_first_share_one_self_test(model, with_bos, monkeypatch):
    scorer, start, found = Scorer(model, with_bos), threading.Barrier(8), []

    def once(*arguments):
        found.append(probe.find_shortcuts(*arguments))
        return found[-1]

    monkeypatch.setattr(forward, "find_shortcuts", once)

    def call(_) -> np.ndarray:
        start.wait(WAIT)
        return scorer.conditional_log_prob(PAIRS[0])

    with ThreadPoolExecutor(8) as pool:
        scores = list(pool.map(call, range(8)))
    want = [conditional(with_bos, *pair, lead=[0]) for pair in PAIRS[0]]
    assert len(found) == 1 and all(got == pytest.approx(want, abs=1e-4) for got in scores)


def test_a_hook_of_the_self_test_sees_its_own_thread_only(gpt2):
    """Trap: it cuts the gradient of whoever trains the model in another thread at that moment."""
    seen, embeddings = [], gpt2.get_input_embeddings()
    ids = torch.tensor([[5, 9]], device=embeddings.weight.device)
    with probe.hooked(embeddings, lambda _, args, out: seen.append(1) or out.detach()):
        assert not embeddings(ids).requires_grad
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(embeddings, ids).result().requires_grad
    assert seen == [1] and embeddings(ids).requires_grad


@pytest.mark.skipif(sys.platform == "win32" or sys.platform == "darwin", reason="no fork, or none that torch survives")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_scores(model, with_bos, device):
    """Traps: a lock that a thread held which is not there any more; its changes to the model that nobody puts back."""
    if device != "cpu":
        pytest.skip("a GPU knows no fork")
    scorer, before = Scorer(model, with_bos), state(model)[0]
    want = scorer.conditional_log_prob(PAIRS[1])

    def child():
        same = np.abs(scorer.conditional_log_prob(PAIRS[1]) - want).max() < ABS
        sys.exit(0 if same and state(model)[0] == before and not mode.loans else 3)

    with paused(model, lambda: scorer.conditional_log_prob(PAIRS[0])):
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(WAIT)
        process.kill()
    assert process.exitcode == 0


def test_pairs_that_a_generator_makes_with_the_scorer(gpt2, with_bos):
    scorer = Scorer(gpt2, with_bos)
    pairs = ((x, y) for x, y in PAIRS[0] if scorer.conditional_log_prob([(x, y)])[0] < 0)
    want = [conditional(with_bos, *pair, lead=[0]) for pair in PAIRS[0]]
    assert scorer.conditional_log_prob(pairs) == pytest.approx(want, abs=1e-4)


@pytest.mark.parametrize("change", ["enable_truncation", "enable_padding"])
def test_a_tokenizer_that_another_thread_tells_to_cut(change, gpt2, monkeypatch):
    """Trap: a tokenizer keeps whether it cuts; between being told not to and reading, another thread tells it to."""
    tokenizer, (x, y) = texts.byte_level("bos"), ("the cat sat on the mat and the dog", " ran after the cat")
    scorer, real, calls = Scorer(gpt2, tokenizer), tokenizer.set_truncation_and_padding, []

    def between(*arguments, **options):
        real(*arguments, **options)
        calls.append(1)
        if len(calls) == 1:
            options = {"max_length": 4} if change == "enable_truncation" else {"length": 64}
            getattr(tokenizer.backend_tokenizer, change)(**options)

    monkeypatch.setattr(tokenizer, "set_truncation_and_padding", between)
    want = conditional(texts.byte_level("bos"), x, y, lead=[0])
    assert scorer.conditional_log_prob([(x, y)])[0] == pytest.approx(want, abs=1e-4) and len(calls) == 2


@pytest.mark.slow
def test_compiled_models_keep_their_attention(gpt2):
    """Trap: what packing asks of every config cannot be traced, and then no model of the process could be compiled."""
    model = copy.deepcopy(families.build("gpt2"))
    ids = torch.tensor([[0, 5, 9, 30]])
    with torch.no_grad():
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(ids, use_cache=False).logits, model(ids, use_cache=False).logits)
