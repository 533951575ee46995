"""The device that is not there refuses what a GPU would refuse, and lets pass what runs on one."""

import copy

import numpy as np
import pytest
import torch

from course_utils.language_model import tiny_model
from tests.far_device import FarDevice, WrongDevice

IDS = [[0, 3, 4, 5]]


def made_there(model):
    ids = torch.tensor(IDS, device=model.device)
    return model(ids).logits.log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None]).sum().item()


def moved_there(model):
    ids = torch.tensor(IDS).to(model.device)
    return -torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="sum").item()


def brought_back(model):
    ids = torch.tensor(IDS)
    logits = model(input_ids=ids.to(model.device)).logits.cpu()
    return logits.log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None]).sum().item()


def read_by_numpy(model):
    ids = torch.tensor(IDS, device=model.device)
    logits = model(ids).logits.to("cpu").numpy().astype(np.float64)[0, :-1]
    picked = logits[np.arange(3), IDS[0][1:]] - np.log(np.exp(logits).sum(-1))
    return picked.sum()


def with_a_cache(model):
    ids = torch.tensor(IDS, device=model.device)
    first = model(ids[:, :2], use_cache=True)
    cache = copy.deepcopy(first.past_key_values)
    rest = model(ids[:, 2:], past_key_values=cache).logits
    logits = torch.cat([first.logits, rest], 1)
    return logits.log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None]).sum().item()


@pytest.mark.parametrize("score", [made_there, moved_there, brought_back, read_by_numpy, with_a_cache])
def test_what_runs_on_a_gpu_runs_here_and_gives_the_same(score):
    model = tiny_model()
    with torch.no_grad():
        here = score(model)
        with FarDevice(model):
            assert score(model) == pytest.approx(here, abs=1e-6)
        assert made_there(model) == pytest.approx(here, abs=1e-5)


def ids_left_here(model):
    return model(torch.tensor(IDS))


def ids_sent_to_the_cpu(model):
    return model(torch.tensor(IDS, device=model.device).to("cpu"))


def mask_left_here(model):
    ids = torch.tensor(IDS, device=model.device)
    return model(ids).logits[:, :, 0] * torch.ones(1, 4)


def mask_of_the_model_left_here(model):
    return model(torch.tensor(IDS, device=model.device), attention_mask=torch.ones(1, 4))


def numpy_at_once(model):
    return model(torch.tensor(IDS, device=model.device)).logits.numpy()


@pytest.mark.parametrize(
    "score", [ids_left_here, ids_sent_to_the_cpu, mask_left_here, mask_of_the_model_left_here, numpy_at_once]
)
def test_what_a_gpu_refuses_is_refused(score):
    model = tiny_model()
    with torch.no_grad():
        score(model)  # on a CPU nobody notices
        with pytest.raises(WrongDevice), FarDevice(model):
            score(model)
