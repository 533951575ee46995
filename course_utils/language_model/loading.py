"""Load a language model and its tokenizer: the course model, a folder, or a name on the Hugging Face hub."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import torch
from huggingface_hub import constants
from huggingface_hub.utils import logging as hub_logging

# The Llama and tokenizer classes are those of the course model; transformers would import them only when it opens a
# model, so that the first load would take seconds.
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaForCausalLM,  # noqa: F401
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,  # noqa: F401
)
from transformers.utils import logging

from course_utils.language_model.data import COURSE_MODEL_FOLDER

__all__ = ["load_language_model"]

COURSE_MODEL_NAME = "course"


def load_language_model(
    name: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return (model, tokenizer), the model in eval mode on its device.

    name: None for the default (what the environment variable COURSE_MODEL names, else the course model), "course" for
        the course model, a folder, or a name on the Hugging Face hub such as "gpt2".
    device: "auto" takes CUDA, then MPS, then the CPU; or what `torch.device` accepts.
    dtype: "auto" is float32 for the course model everywhere and for any model on the CPU; elsewhere it is the type that
        the model's weights are stored in. Or a torch dtype, or its name ("float32", "bfloat16").

    Raises OSError, in one line, when there is no such folder, or no such model on this computer and none on the hub.
    """
    # TF32 rounds the factors of a float32 product to 10 bits of mantissa: a log-probability would then differ between
    # a GPU and a CPU in the third digit, and the course compares them in the fifth. Who prefers speed turns it on after
    # loading: torch.set_float32_matmul_precision("high").
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False

    source = _source(name)
    place = _device(device)
    if dtype != "auto":
        precision = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    elif place.type == "cpu" or source == str(COURSE_MODEL_FOLDER):
        precision = torch.float32
    else:
        precision = "auto"

    def load(local: bool) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        return AutoModelForCausalLM.from_pretrained(source, dtype=precision, local_files_only=local), tokenizer

    with _quiet_transformers():
        try:
            model, tokenizer = load(local=True)  # what is here already needs no network
        except OSError:
            if Path(source).is_dir():
                raise
            try:
                if not _hub_is_near():
                    raise OSError("no network") from None
                model, tokenizer = load(local=False)
            except OSError:
                raise OSError(
                    f"Cannot load {source!r}: it is not on this computer and could not be had from the Hugging Face "
                    f"hub (no network, or no such model). load_language_model() without a name gives the course "
                    f"model, which needs no network."
                ) from None
    model.loss_type = model.loss_type or "ForCausalLM"  # what transformers takes for a GPT-2 anyway, with a warning
    model.to(place)  # pyright: ignore[reportArgumentType]  # the decorator around it loses its self
    return model.eval(), tokenizer


def _source(name: str | os.PathLike[str] | None) -> str:
    """Return the folder or hub name that `name` stands for."""
    chosen = os.fspath(name) if name is not None else os.environ.get("COURSE_MODEL") or COURSE_MODEL_NAME
    if chosen == COURSE_MODEL_NAME:
        return str(COURSE_MODEL_FOLDER)
    folder = Path(chosen).expanduser()
    if folder.is_dir():
        return str(folder)
    if chosen.count("/") > 1 or chosen.startswith((".", "/", "~")) or "\\" in chosen:
        raise OSError(
            f"There is no folder {chosen!r}. load_language_model() without a name gives the course model, which "
            f"ships with this package."
        )
    return chosen


def _device(device: str | torch.device) -> torch.device:
    """Return the device asked for; "auto" is the first of CUDA, MPS and CPU that this computer has."""
    if device != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _hub_is_near() -> bool:
    """Return whether asking the hub can succeed; without this its client tries again for most of a minute."""
    if constants.HF_HUB_OFFLINE:
        return False
    if urllib.request.getproxies():
        return True  # the proxy looks names up
    try:
        socket.getaddrinfo(urlsplit(constants.ENDPOINT).hostname, 443)
    except OSError:
        return False
    return True


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Keep progress bars and notes of transformers and of the hub's client off the screen; put the settings back."""
    verbosity, hub_verbosity = logging.get_verbosity(), hub_logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()
