"""Tiny models of 46 families, built from their configs, and the reference that every score is held against.

Weights are random, seeded and several times the usual size, so that every token's score hangs on its context: with the
usual ones a model hardly looks at it, and a mistake would not show.
"""

import copy
import os
from functools import lru_cache

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
import transformers

VOCABULARY = 331
WINDOW = 160  # ids that a model reads at once
SLIDING = 24  # ids that attention of the windowed families looks back

_SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": WINDOW,
}
_GROUPED = {**_SMALL, "num_key_value_heads": 2}
_HEADS = {**_GROUPED, "head_dim": 8}
_WINDOWED = {"sliding_window": SLIDING}
_EXPERTS = {"num_experts_per_tok": 2, "num_local_experts": 4}
_GPT = {"vocab_size": VOCABULARY, "n_positions": WINDOW, "n_embd": 32, "n_layer": 2, "n_head": 4}

# family: (config class, what it is built from)
CONFIGS = {
    "gpt2": ("GPT2Config", _GPT),
    "llama": ("LlamaConfig", _GROUPED),
    "mistral": ("MistralConfig", {**_GROUPED, **_WINDOWED}),
    "qwen2": ("Qwen2Config", _GROUPED),
    "qwen3": ("Qwen3Config", _HEADS),
    "gemma": ("GemmaConfig", _HEADS),
    "gemma2": ("Gemma2Config", {**_HEADS, **_WINDOWED, "query_pre_attn_scalar": 8, "final_logit_softcapping": 3.0}),
    "gemma3_text": ("Gemma3TextConfig", {**_HEADS, **_WINDOWED, "query_pre_attn_scalar": 8}),
    "phi": ("PhiConfig", {**_SMALL, "partial_rotary_factor": 0.5}),
    "phi3": ("Phi3Config", {**_GROUPED, **_WINDOWED, "pad_token_id": 0}),
    "gpt_neox": ("GPTNeoXConfig", {**_SMALL, "rotary_pct": 0.5}),
    "opt": ("OPTConfig", {**_SMALL, "ffn_dim": 64, "word_embed_proj_dim": 32}),
    "gptj": ("GPTJConfig", {**_GPT, "rotary_dim": 4}),
    "gpt_neo": (
        "GPTNeoConfig",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": SLIDING,
            "max_position_embeddings": WINDOW,
        },
    ),
    "bloom": ("BloomConfig", {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "falcon": ("FalconConfig", {**_SMALL, "alibi": True}),
    "mpt": ("MptConfig", {"vocab_size": VOCABULARY, "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": WINDOW}),
    "codegen": ("CodeGenConfig", {**_GPT, "rotary_dim": 4, "n_ctx": WINDOW}),
    "gpt_bigcode": ("GPTBigCodeConfig", _GPT),
    "stablelm": ("StableLmConfig", _GROUPED),
    "starcoder2": ("Starcoder2Config", {**_GROUPED, **_WINDOWED}),
    "olmo2": ("Olmo2Config", _GROUPED),
    "cohere": ("CohereConfig", {**_GROUPED, "logit_scale": 0.25}),
    "granite": ("GraniteConfig", {**_GROUPED, "logits_scaling": 3.0}),
    "mixtral": ("MixtralConfig", {**_GROUPED, **_EXPERTS}),
    "qwen3_moe": (
        "Qwen3MoeConfig",
        {**_HEADS, "moe_intermediate_size": 32, "num_experts_per_tok": 2, "num_experts": 4},
    ),
    "gpt_oss": ("GptOssConfig", {**_HEADS, **_EXPERTS, **_WINDOWED}),
    "deepseek_v3": (
        "DeepseekV3Config",
        {
            **_SMALL,
            "moe_intermediate_size": 32,
            "n_routed_experts": 4,
            "n_group": 1,
            "topk_group": 1,
            "num_experts_per_tok": 2,
            "first_k_dense_replace": 1,
            "kv_lora_rank": 16,
            "q_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 8,
        },
    ),
    "smollm3": ("SmolLM3Config", {**_GROUPED, "pad_token_id": 0}),
    "xglm": (
        "XGLMConfig",
        {
            "vocab_size": VOCABULARY,
            "d_model": 32,
            "ffn_dim": 64,
            "num_layers": 2,
            "attention_heads": 4,
            "max_position_embeddings": WINDOW,
        },
    ),
    "biogpt": ("BioGptConfig", _SMALL),
    "mamba": ("MambaConfig", {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
    "mamba2": (
        "Mamba2Config",
        {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "state_size": 8,
            "num_heads": 8,
            "head_dim": 8,
            "n_groups": 2,
            "chunk_size": 16,
        },
    ),
    "rwkv": (
        "RwkvConfig",
        {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "context_length": WINDOW},
    ),
    "recurrent_gemma": (
        "RecurrentGemmaConfig",
        {**_GROUPED, "num_hidden_layers": 3, "lru_width": 32, "attention_window_size": SLIDING, "logits_soft_cap": 3.0},
    ),
    "openai-gpt": ("OpenAIGPTConfig", _GPT),
    "ctrl": ("CTRLConfig", {**_GPT, "dff": 64}),
    "lfm2": (
        "Lfm2Config",
        {**_GROUPED, "num_hidden_layers": 3, "layer_types": ["conv", "full_attention", "conv"]},
    ),
    "llama4_text": (
        "Llama4TextConfig",
        {
            **_HEADS,
            "intermediate_size_mlp": 64,
            "attention_chunk_size": SLIDING,
            "num_local_experts": 4,
            "num_experts_per_tok": 1,
        },
    ),
    "gemma3n_text": (
        "Gemma3nTextConfig",
        {
            **_HEADS,
            **_WINDOWED,
            "vocab_size_per_layer_input": VOCABULARY,
            "hidden_size_per_layer_input": 8,
            "laurel_rank": 8,
            "num_kv_shared_layers": 0,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "qwen3_next": (
        "Qwen3NextConfig",
        {
            **_HEADS,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 32,
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "layer_types": ["linear_attention", "full_attention"],
        },
    ),
    "falcon_h1": (
        "FalconH1Config",
        {
            **_GROUPED,
            "mamba_d_ssm": 64,
            "mamba_n_heads": 8,
            "mamba_d_head": 8,
            "mamba_n_groups": 1,
            "mamba_d_state": 8,
            "mamba_chunk_size": 16,
        },
    ),
    "minicpm3": (
        "MiniCPM3Config",
        {
            **_SMALL,
            "q_lora_rank": 16,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 8,
        },
    ),
    "bert": ("BertConfig", {**_SMALL, "is_decoder": True}),
    "bart": (
        "BartConfig",
        {
            "vocab_size": VOCABULARY,
            "d_model": 32,
            "decoder_layers": 2,
            "decoder_attention_heads": 4,
            "decoder_ffn_dim": 64,
            "max_position_embeddings": WINDOW,
            "is_decoder": True,
            "is_encoder_decoder": False,
        },
    ),
}
CONFIGS["deepseek_v32"] = (
    "DeepseekV32Config",
    {**CONFIGS["deepseek_v3"][1], "index_n_heads": 4, "index_head_dim": 16, "index_topk": SLIDING},
)

# One of each kind: plain, windowed, capped, scaled, biased positions, sinks, recurrent.
QUICK = ("gpt2", "llama", "mistral", "gemma2", "cohere", "bloom", "gpt_oss", "mamba")


@lru_cache(maxsize=4)
def build(family: str):
    """A seeded tiny model of the family, in eval mode, float32 on the CPU. It is shared: change no weight of it."""
    name, arguments = CONFIGS[family]
    config = getattr(transformers, name)(**{"bos_token_id": 0, "eos_token_id": 1, **arguments})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
        model.config._experts_implementation = "eager"  # the others know no float64
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if weight.ndim >= 2 and not any(part in name for part in ("time_", "A_log", "conv", "rg_lru")):
                    weight.mul_(8 if weight.std() < 0.05 else 1.5)
                elif name.endswith("bias"):
                    weight.add_(0.1 * torch.randn_like(weight))
    return model


@lru_cache(maxsize=4)
def exact(family: str):
    """The same model in float64."""
    return copy.deepcopy(build(family)).double()


def reference(model, ids: list[int]) -> torch.Tensor:
    """log Pr(ids[t] | ids[:t]) for t = 1, 2, ...: float64 (n - 1,), nats, by definition.

    ``model`` in float64; one sequence, no batch, the full log-softmax.
    """
    device = next(model.parameters()).device
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # one family makes its mask in the default dtype
    try:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids[:-1]], device=device)).logits[0].double().cpu()
    finally:
        torch.set_default_dtype(usual)
    return logits.log_softmax(-1).gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
