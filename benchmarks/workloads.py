"""What the benchmarks score, and with what: models of random weights (speed does not depend on them) and three tasks.

Texts are made of the words w2, w3, ..., one token each, so that every program sees the same tokens whatever it does at
the join of x and y, and numbers of tokens are exact.
"""

import random
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, LlamaConfig, PreTrainedTokenizerFast, Qwen3Config
from transformers.models.auto import AutoModelForCausalLM

WINDOW = 1024

CONFIGS = {
    "gpt2 124M": GPT2Config(),
    "llama 10M": LlamaConfig(
        vocab_size=4096,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=12,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=WINDOW,
    ),
    "qwen3 151936 words": Qwen3Config(
        vocab_size=151_936,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=True,
    ),
    "llama 1B": LlamaConfig(
        vocab_size=128_256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=True,
    ),
}


@dataclass
class Task:
    """Pairs (x, y) to score; for rolling, x is empty and y a document longer than the model's window."""

    name: str
    pairs: list[tuple[str, str]]
    rolling: bool = False


def build_model(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32):
    """A seeded model of this shape, in eval mode."""
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(CONFIGS[name], dtype=torch.float32)
    return model.to(dtype).eval()  # the same weights in every dtype, but for their rounding


def build_tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """One token a word; ids 0 and 1 are BOS and EOS, 1 the padding too. It adds nothing by itself."""
    words = {"<bos>": 0, "<eos>": 1} | {f"w{i}": i for i in range(2, vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w2"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<eos>", model_max_length=10**9
    )


def build_tasks(vocabulary: int, size: float = 1.0, seed: int = 1) -> list[Task]:
    """W1, pairs of mixed length; W2, four short candidates after a long context; W3, documents of two windows."""
    draw = random.Random(seed)

    def words(n: int) -> str:
        return " ".join(f"w{draw.randrange(3, vocabulary)}" for _ in range(n))

    def count(n: int) -> int:
        return max(1, round(n * size))

    mixed = [(words(draw.randint(5, 120)), " " + words(draw.randint(1, 40))) for _ in range(count(48))]
    choice = []
    for _ in range(count(12)):
        context = words(draw.randint(130, 170))
        choice += [(context, " " + words(draw.randint(1, 6))) for _ in range(4)]
    documents = [("", words(2 * WINDOW)) for _ in range(count(2))]
    return [
        Task("W1 pairs", mixed),
        Task("W2 choice", choice),
        Task("W3 documents", documents, rolling=True),
    ]


def needed_ids(task: Task) -> tuple[list[int], int]:
    """(lengths of the sequences that have to go through the body, rows that need logits): nothing twice, no padding."""
    if task.rolling:
        windows = [WINDOW] * sum(len(y.split()) // WINDOW for _, y in task.pairs)
        return windows, sum(windows)
    bodies: dict[str, int] = {}
    rows: dict[str, int] = {}
    for x, y in task.pairs:
        branch = len(y.split()) - 1
        bodies[x] = bodies.get(x, len(x.split())) + branch
        rows[x] = rows.get(x, 1) + branch
    return list(bodies.values()), sum(rows.values())
