"""Tokenizers built in memory, one for each habit that a scorer can trip over, and texts that make it trip."""

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = [
    "the answer is forty two and the question is not known",
    "what is important is what the import of it is",
    "the cat sat on the mat and the dog ran after the cat",
    "naïve café, 日本語 and other text",
] * 4
BOS, EOS, UNK = "<s>", "</s>", "<unk>"


def _train(tokenizer: Tokenizer, size: int, alphabet: list[str]) -> Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[BOS, EOS, UNK], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def byte_level(adds: str = "", bos: str | None = BOS, pad: str = EOS) -> PreTrainedTokenizerFast:
    """Bytes and merges, as GPT-2's and Llama 3's. ``adds``: what it puts around a text by itself: "", "bos", "both"."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    _train(tokenizer, 320, pre_tokenizers.ByteLevel.alphabet())
    _template(tokenizer, adds)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=EOS, pad_token=pad)


def sentence_pieces(adds: str = "bos", strip: bool = False) -> PreTrainedTokenizerFast:
    """Words that begin with a visible space, as Llama 2's. ``strip``: spaces at the ends of a text are dropped."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNK))
    if strip:
        tokenizer.normalizer = normalizers.Strip()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    _train(tokenizer, 200, [])
    _template(tokenizer, adds)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, unk_token=UNK)


def _template(tokenizer: Tokenizer, adds: str) -> None:
    if adds:
        single = {"bos": f"{BOS} $A", "both": f"{BOS} $A {EOS}"}[adds]
        special = [(name, tokenizer.token_to_id(name)) for name in (BOS, EOS)]
        tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=special)
