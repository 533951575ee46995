"""Every family, by every route, against float64 one sequence at a time."""

import copy
import dataclasses
import math
import random

import numpy as np
import pytest
import torch
import transformers

from course_utils.scoring.forward import Forward
from course_utils.scoring.plan import Job

from . import families

TOLERANCE = 1e-4  # nats, float32 sums of up to 100 tokens

# What the self-test finds, so that a change of transformers or of ours does not go unseen.
NOT_LINEAR = {"gemma2", "cohere", "granite", "recurrent_gemma", "llama4_text", "gemma3n_text", "minicpm3", "bert"}
NOT_PACKED = {
    *("gemma2", "gptj", "gpt_neo", "bloom", "falcon", "mpt", "codegen", "gpt_oss", "xglm"),
    *("mamba", "mamba2", "rwkv", "recurrent_gemma", "openai-gpt"),
    *("lfm2", "qwen3_next", "falcon_h1", "deepseek_v32", "bart"),
}
SLOW = [family for family in families.CONFIGS if family not in families.QUICK]


def make_jobs(seed: int) -> list[Job]:
    """Contexts of 1 to 90 ids, each with one to three continuations; some jobs score the context's tokens too."""
    draw = random.Random(seed)

    def ids(n: int) -> list[int]:
        return [draw.randrange(families.VOCABULARY) for _ in range(n)]

    jobs = []
    for length in (1, 2, 30, draw.randint(40, 60), 90):
        context = ids(length)
        for n in [1, draw.randint(2, 9), draw.randint(10, 40)][: draw.randint(1, 3)]:
            jobs.append(Job(np.array([*context, *ids(n)]), draw.choice([1, length]), length))
    return jobs


def check(family: str, model) -> None:
    jobs = make_jobs(seed=len(family))
    exact = families.exact(family)
    truth = [math.fsum(families.reference(exact, list(job.ids))[job.first - 1 :].tolist()) for job in jobs]
    fast = Forward(model, batch_tokens=200)
    assert fast.shortcuts.longest > 0
    assert fast.shortcuts.head == (family not in NOT_LINEAR)
    assert fast.shortcuts.packing == (family not in NOT_PACKED)
    for route in (fast, Forward(model, batch_tokens=200, simple=True)):
        for job, got, want in zip(jobs, route.log_probs(jobs), truth, strict=True):
            assert got.dtype == "float64" and len(got) == len(job.ids) - job.first
            assert math.fsum(got) == pytest.approx(want, abs=TOLERANCE, rel=0)


@pytest.mark.parametrize("family", families.QUICK)
def test_family(family, model_of):
    check(family, model_of(family))


@pytest.mark.slow
@pytest.mark.parametrize("family", SLOW)
def test_family_of_the_rest(family, model_of):
    check(family, model_of(family))


def test_there_are_46_families():
    assert len(families.CONFIGS) == 46 and len(families.QUICK) == 8


def test_the_models_look_at_their_context():
    """Teeth: were the tiny models blind to their context, every wrong route would pass."""
    for family in families.QUICK:
        ids = list(range(5, 25))
        one = families.reference(families.exact(family), ids)[-1]
        other = families.reference(families.exact(family), [*ids[:-3], 300, *ids[-2:]])[-1]
        assert abs(one - other) > 100 * TOLERANCE, family


def test_a_sequence_longer_than_the_window_of_attention_goes_alone(model_of):
    """Trap: packed attention knows nothing of a sliding window; short sequences would never show it."""
    ids = torch.randint(0, families.VOCABULARY, (100,), generator=torch.Generator().manual_seed(3)).numpy()
    jobs = [Job(ids, 1, 5), Job(ids[50:], 1, 5)]
    truth = [float(families.reference(families.exact("mistral"), list(job.ids)).sum()) for job in jobs]
    forward = Forward(model_of("mistral"))
    assert forward.shortcuts.longest == families.SLIDING
    assert [v.sum() for v in forward.log_probs(jobs)] == pytest.approx(truth, abs=TOLERANCE, rel=0)
    forward.shortcuts = dataclasses.replace(forward.shortcuts, longest=math.inf)  # the trap
    wrong = [v.sum() for v in forward.log_probs(jobs)]
    assert abs(wrong[0] - truth[0]) > 100 * TOLERANCE


ORIGINAL = 16  # ids up to which the short factors hold
LONG_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "original_max_position_embeddings": ORIGINAL,
    "factor": families.WINDOW / ORIGINAL,
    "short_factor": [1.0, 1.1, 1.2, 1.3],
    "long_factor": [1.0, 3.0, 5.0, 8.0],
}


def test_a_sequence_longer_than_the_original_window_goes_alone(device):
    """Trap: beyond it, Phi-3 stretches the positions of a whole batch: beside a long text a short one scores
    otherwise."""
    about = families.CONFIGS["phi3"][1] | {"sliding_window": None, "rope_parameters": LONG_ROPE}
    about["original_max_position_embeddings"] = ORIGINAL
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(transformers.Phi3Config(**about)).float().eval()
    with torch.no_grad():
        for weight in (weight for weight in model.parameters() if weight.ndim >= 2):
            weight.mul_(8)
    draw, lengths = np.random.default_rng(4), (5, ORIGINAL, ORIGINAL + 1, ORIGINAL + 2, 60, 9)  # one id is never read
    jobs = [Job(draw.integers(0, families.VOCABULARY, n), 1, 1) for n in lengths]
    exact = copy.deepcopy(model).double()
    truth = [float(families.reference(exact, job.ids.tolist()).sum()) for job in jobs]
    forward = Forward(model.to(device), batch_tokens=1000)
    assert forward.shortcuts.longest == ORIGINAL and forward.shortcuts.packing
    for route in (forward, Forward(model, simple=True)):
        assert [v.sum() for v in route.log_probs(jobs)] == pytest.approx(truth, abs=TOLERANCE, rel=0)
    forward.shortcuts = dataclasses.replace(forward.shortcuts, longest=math.inf)  # the trap
    wrong = np.array([v.sum() for v in forward.log_probs(jobs)])
    assert (abs(wrong - truth)[1:3] > 100 * TOLERANCE).all()
