"""Train the tokenizer of the course model: byte-level BPE with one special token that is both BOS and EOS.

python training/tokenizer.py --corpus CORPUS --config training/config_cpu.json --out MODEL_FOLDER
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from prepare import read_texts
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SPECIAL = "<|endoftext|>"  # BOS, EOS and padding in one: id 0


def weighted_texts(corpus: Path, mix: dict[str, float]) -> Iterator[str]:
    """Yield the training texts about as often as the model will see them (a weight below one takes every k-th)."""
    for source, weight in mix.items():
        texts = read_texts(corpus / "train" / f"{source}.jsonl.xz")
        for _ in range(int(weight)):
            yield from texts
        if weight % 1:
            yield from texts[:: round(1 / (weight % 1))]


def train_tokenizer(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Learn `vocabulary_size` tokens (256 bytes, the special token, the merges); any text round-trips."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIAL} $A", pair=f"{SPECIAL} $A $B", special_tokens=[(SPECIAL, tokenizer.token_to_id(SPECIAL))]
    )
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the two files that `AutoTokenizer.from_pretrained(folder)` needs."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL,
        "eos_token": SPECIAL,
        "pad_token": SPECIAL,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with train/ and heldout/ (see prepare.py)")
    parser.add_argument("--config", type=Path, required=True, help="the recipe: config_cpu.json or config_gpu.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for tokenizer.json and tokenizer_config.json")
    arguments = parser.parse_args()
    config = json.loads(arguments.config.read_text(encoding="utf-8"))
    texts = weighted_texts(arguments.corpus, config["mix"])
    tokenizer = train_tokenizer(texts, config["model"]["vocab_size"])
    save(tokenizer, arguments.out)
    print(f"{tokenizer.get_vocab_size()} tokens -> {arguments.out}")


if __name__ == "__main__":
    main()
