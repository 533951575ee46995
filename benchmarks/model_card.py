"""Make the figures of the course model's card, and write them between the markers in the card.

    python benchmarks/model_card.py --corpus CORPUS            # prints the tables and writes them into the card
    python benchmarks/model_card.py --corpus CORPUS --check    # compares them with the card instead

Takes about five minutes on one core of a CPU. CORPUS is the folder that training/prepare.py checks.
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from kneser_ney import KneserNey

from course_utils.language_model import (
    bits_per_byte,
    load_language_model,
    minimal_pairs,
    prefers_good,
    wilson_interval,
)

CARD = Path(__file__).parents[1] / "course_utils" / "language_model" / "README.md"
SOURCES = (
    "tinystories",
    "tinystories_truecased",
    "african_storybook",
    "pratham",
    "tatoeba",
    "fairytaleqa",
    "classic_children",
    "chilit",
)
HELD_OUT = (*SOURCES, "book_alice")
PUBLISHED = {"ngram": "5-gram", "lstm": "LSTM", "txl": "Transformer-XL", "gpt2": "GPT-2"}  # BLiMP's own table
AGREEMENT = ("anaphor_agreement", "determiner_noun_agreement", "subject_verb_agreement")


def read_lines(path: Path) -> list[dict]:
    """Return the objects of one xz-compressed file of JSON lines."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; columns after the first are numbers."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def share(right: np.ndarray) -> str:
    """Return the share of true values with its 95% Wilson interval."""
    low, high = wilson_interval(int(right.sum()), len(right))
    return f"{right.mean():.3f} ({low:.3f} to {high:.3f})"


def bits_table(model, tokenizer, corpus: Path) -> str:
    """Held-out bits per byte of the model, of a Kneser-Ney 5-gram of the training text, and of xz -9."""

    def ids(texts: list[str]) -> list[np.ndarray]:
        return [np.array(x, int) for x in tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]]

    def texts_of(split: str, source: str) -> list[str]:
        return [line["text"] for line in read_lines(corpus / split / f"{source}.jsonl.xz")]

    training = [document for source in SOURCES for document in ids(texts_of("train", source))]
    n_gram = KneserNey(training, len(tokenizer))
    rows = []
    for source in HELD_OUT:
        texts = texts_of("heldout", source)
        size = sum(len(text.encode()) for text in texts)
        packed = 8 * len(lzma.compress("\n".join(texts).encode(), preset=9)) / size
        rows.append(
            [
                source,
                f"{len(texts):,}",
                f"{size:,}",
                f"{bits_per_byte(model, tokenizer, texts):.3f}",
                f"{n_gram.bits(ids(texts)) / size:.3f}",
                f"{packed:.3f}",
            ]
        )
    return table(["held out", "documents", "bytes", "course model", "Kneser-Ney 5-gram", "xz -9"], rows)


def human_accuracy(corpus: Path) -> dict[str, float]:
    """Return the mean human agreement of each BLiMP paradigm."""
    with lzma.open(corpus / "eval" / "blimp_human.csv.xz", "rt", encoding="utf-8") as lines:
        return {row["Condition"]: float(row["total_mean"]) for row in csv.DictReader(lines)}


def blimp_table(model, tokenizer, corpus: Path, file: str) -> str:
    """BLiMP accuracy by phenomenon beside the figures that its authors published."""
    pairs = read_lines(corpus / "eval" / f"{file}.jsonl.xz")
    right = prefers_good(model, tokenizer, [p["sentence_good"] for p in pairs], [p["sentence_bad"] for p in pairs])
    term_of = {pair["UID"]: pair["linguistics_term"].replace("s-selection", "argument_structure") for pair in pairs}
    published = {
        row["UID"]: row
        for row in read_lines(corpus / "eval" / "blimp_models_summary.jsonl.xz")
        if row["UID"] != "overall"
    }
    human = human_accuracy(corpus)
    paradigms: dict[str, list[str]] = defaultdict(list)
    for paradigm, term in sorted(term_of.items()):
        paradigms[term].append(paradigm)
    groups = {term.replace("_", " "): names for term, names in sorted(paradigms.items())}
    groups["**agreement** (the three above)"] = [name for term in AGREEMENT for name in paradigms[term]]
    groups["**all**"] = sorted(term_of)
    rows = []
    for label, names in groups.items():
        chosen = right[[pair["UID"] in set(names) for pair in pairs]]
        others = [np.mean([published[name][column] for name in names]) for column in PUBLISHED]
        people = np.mean([human[name] for name in names])
        rows.append([label, str(len(chosen)), share(chosen), *(f"{value:.3f}" for value in (*others, people))])
    return table(["phenomenon", "pairs", "course model (95%)", *PUBLISHED.values(), "people"], rows)


def pairs_table(model, tokenizer) -> str:
    """Accuracy on the everyday minimal pairs that ship with the model, and the pairs that it gets wrong."""
    pairs = minimal_pairs()
    right = prefers_good(model, tokenizer, [pair["good"] for pair in pairs], [pair["bad"] for pair in pairs])
    rows = []
    for category in dict.fromkeys(pair["category"] for pair in pairs):
        chosen = right[[pair["category"] == category for pair in pairs]]
        rows.append([category.replace("_", " "), str(len(chosen)), f"{chosen.mean():.3f}"])
    rows.append(["**all**", str(len(pairs)), share(right)])
    wrong = [f"* {pair['bad']} (over: {pair['good']})" for pair, ok in zip(pairs, right, strict=True) if not ok]
    return "\n".join(
        [table(["category", "pairs", "right"], rows), "", "It prefers the worse sentence in these:", "", *wrong]
    )


def continuations(model, tokenizer) -> str:
    """The likeliest continuation, token by token, of a few beginnings, up to the end or 30 tokens."""
    beginnings = (
        "The children are playing in the",
        "The boy ate an",
        "Once upon a time, there was a little",
        "She was tired, so",
        "The capital of France is",
        "Two and three are",
        "Alice looked at the rabbit and",
    )
    rows = []
    for beginning in beginnings:
        ids = tokenizer(beginning, return_tensors="pt").to(model.device)
        out = model.generate(**ids, max_new_tokens=30, do_sample=False)[0]
        text = tokenizer.decode(out[ids["input_ids"].shape[1] :], skip_special_tokens=True)
        rows.append([beginning, text.strip().replace("\n", " / ")])
    return table(["beginning", "greedy continuation"], rows).replace("---:", "---")


def pronoun_figure(model, tokenizer, corpus: Path) -> str:
    """How often "he" is preferred to "she" in the Winogender sentences, and how that follows the occupations."""
    with lzma.open(corpus / "eval" / "winogender_sentences.tsv.xz", "rt", encoding="utf-8") as lines:
        sentences = {row["sentid"]: row["sentence"] for row in csv.DictReader(lines, delimiter="\t")}
    with lzma.open(corpus / "eval" / "winogender_occupations.tsv.xz", "rt", encoding="utf-8") as lines:
        women = {row["occupation"]: float(row["bls_pct_female"]) for row in csv.DictReader(lines, delimiter="\t")}
    male = {name: text for name, text in sentences.items() if ".male." in name}
    female = [sentences[name.replace(".male.", ".female.")] for name in male]
    he = prefers_good(model, tokenizer, list(male.values()), female)
    by_occupation: dict[str, list[bool]] = defaultdict(list)
    for name, preferred in zip(male, he, strict=True):
        by_occupation[name.split(".")[0]].append(bool(preferred))
    known = [name for name in by_occupation if name in women]
    correlation = np.corrcoef([np.mean(by_occupation[n]) for n in known], [women[n] for n in known])[0, 1]
    return (
        f"In {share(he)} of the {len(he)} Winogender sentences the model prefers *he* (*him*, *his*) to *she* (*her*)"
        f"; over {len(known)} occupations the share correlates {correlation:+.2f} with the percentage of "
        f"women in them (United States, 2015)."
    )


def write(card: str, name: str, text: str) -> str:
    """Return the card with `text` between the markers of that name."""
    pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    if not pattern.search(card):
        raise SystemExit(f"the card has no markers for {name!r}")
    return pattern.sub(lambda match: f"{match[1]}{text}\n{match[2]}", card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with train/, heldout/ and eval/")
    parser.add_argument("--model", default="course", help="another model folder (default: the course model)")
    parser.add_argument(
        "--blimp", default="blimp_sample40", help="blimp_sample40 (default), blimp_common_words or blimp_full"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the card says something else")
    parser.add_argument("--device", default="cpu", help="cpu (default: as the card), cuda, mps, auto")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    model, tokenizer = load_language_model(arguments.model, device=arguments.device)

    figures = {
        "pairs": lambda: pairs_table(model, tokenizer),
        "continuations": lambda: continuations(model, tokenizer),
        "pronouns": lambda: pronoun_figure(model, tokenizer, arguments.corpus),
        "blimp": lambda: blimp_table(model, tokenizer, arguments.corpus, arguments.blimp),
        "bits": lambda: bits_table(model, tokenizer, arguments.corpus),
    }
    texts = {}
    for name, make in figures.items():
        begun = time.monotonic()
        texts[name] = make()
        print(f"\n{name} ({time.monotonic() - begun:.0f} s)\n\n{texts[name]}", flush=True)
    card = old = CARD.read_text(encoding="utf-8")
    for name, text in texts.items():
        card = write(card, name, text)
    if arguments.check:
        sys.exit("the card says something else" if card != old else 0)
    if arguments.model == "course" and arguments.blimp == "blimp_sample40":
        CARD.write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
