"""Tiny language models of random weights, made in milliseconds: for what holds under every model, trained or not."""

from __future__ import annotations

import functools
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from course_utils.scoring.scorer import Scorer

__all__ = ["tiny_model", "tiny_scorer"]

# Weights this large give peaked distributions: a mistake of one position moves a score by whole nats.
INITIALIZER_RANGE = 0.4


def tiny_model(
    family: str = "gpt2",
    seed: int = 0,
    *,
    vocabulary_size: int = 40,
    window: int = 128,
    layers: int = 2,
    width: int = 32,
    logits_dtype: torch.dtype | None = None,
) -> PreTrainedModel:
    """A new model in eval mode, float32, on the CPU; the same weights for the same arguments.

    family: "gpt2" (learned absolute positions, LayerNorm, dropout) or "llama" (rotary positions, grouped queries).
    BOS is id 0 and EOS id 1. `window` is the most ids that it reads at once. Random state outside is left as it was,
    and what a notebook has set outside (default dtype, default device, gradients) changes nothing.
    logits_dtype: what the logits are rounded to, as a model does whose output layer works in bfloat16.

    Raises ValueError for another family.
    """
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None, "initializer_range": INITIALIZER_RANGE}
    if family == "gpt2":
        config = GPT2Config(
            vocab_size=vocabulary_size, n_positions=window, n_layer=layers, n_embd=width, n_head=2, **ids
        )
        make = functools.partial(GPT2LMHeadModel, config)
    elif family == "llama":
        config = LlamaConfig(
            vocab_size=vocabulary_size,
            max_position_embeddings=window,
            num_hidden_layers=layers,
            hidden_size=width,
            intermediate_size=2 * width,
            num_attention_heads=4,
            num_key_value_heads=2,
            **ids,
        )
        make = functools.partial(LlamaForCausalLM, config)
    else:
        raise ValueError(f'tiny_model makes a "gpt2" or a "llama", not {family!r}')
    default = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.inference_mode(False):
        torch.manual_seed(seed)
        torch.set_default_dtype(torch.float32)  # the weights are drawn in it: in another one they are other weights
        try:
            model = make().eval()
        finally:
            torch.set_default_dtype(default)
    model.loss_type = "ForCausalLM"  # what transformers takes for a GPT-2 anyway, with a warning
    if logits_dtype is not None:
        model.lm_head.register_forward_hook(lambda head, given, logits: logits.to(logits_dtype))
    return model


def tiny_scorer(family: str = "gpt2", seed: int = 0, **size: Any) -> Scorer:
    """A `tiny_model` with the methods of a SequenceModel, one sequence at a time; `size`: what tiny_model takes.

    Its tokens are words: "w2" has id 2 and so on; "<s>" is BOS, id 0, and "</s>" EOS, id 1.
    """
    model = tiny_model(family, seed, **size)
    ids = {"<s>": 0, "</s>": 1} | {f"w{i}": i for i in range(2, model.config.vocab_size)}
    words = Tokenizer(models.WordLevel(ids))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>")
    return Scorer(model, tokenizer, bos=True, simple=True)
