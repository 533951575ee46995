"""What the tests of the scorer share. ``--device cuda`` runs all that need a model on a GPU."""

import copy
import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch
import transformers

from . import families, texts

transformers.logging.set_verbosity_error()


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="where the scorer's models run: cpu, cuda, mps")


@pytest.fixture(scope="session")
def device(request) -> str:
    # a run of all tests reads this file too late for the option; it is then not there
    return request.config.getoption("--device", default="cpu")


@pytest.fixture(scope="session")
def model_of(device):
    """A family's tiny model on the device; shared, so a test changes a copy only."""
    torch.set_num_threads(1)
    return lambda family: (
        families.build(family) if device == "cpu" else copy.deepcopy(families.build(family)).to(device)
    )


@pytest.fixture(scope="session")
def gpt2(model_of):
    return model_of("gpt2")


@pytest.fixture(scope="session")
def plain():
    """A tokenizer that adds nothing by itself, as GPT-2's, with a BOS of its own."""
    return texts.byte_level()


@pytest.fixture(scope="session")
def with_bos():
    """A tokenizer that puts BOS before a text, as Llama's."""
    return texts.byte_level("bos")
