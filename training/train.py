"""Train the course model: from the corpus and a tokenizer to a folder that `AutoModelForCausalLM` opens.

    python training/train.py --config training/config_cpu.json --corpus CORPUS --tokenizer MODEL_FOLDER --run RUN_FOLDER

The same command goes on after an interrupt, from the last checkpoint in RUN_FOLDER. `--steps 100` stops early without
changing the schedule, `--minutes 9` ends a leg with a checkpoint, `--export FOLDER` writes the weights (16 bit).
One step is `batch_tokens` tokens; losses are in nats per token.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import shutil
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from prepare import read_texts
from torch.optim import AdamW, Muon
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

HELD_OUT = ("tinystories", "tatoeba", "book_alice")


# ---------------------------------------------------------------- data


def encode_source(path: Path, tokenizer: PreTrainedTokenizerFast) -> list[np.ndarray]:
    """Return one array of ids for each document, each beginning with BOS."""
    return [np.asarray(ids, dtype=np.uint16) for ids in tokenizer(read_texts(path), verbose=False)["input_ids"]]


def token_stream(sources: dict[str, list[np.ndarray]], mix: dict[str, float], tokens: int, seed: int) -> np.ndarray:
    """Return at least `tokens` ids: whole passes over the mix, the documents of each pass in random order.

    A weight of 2.5 gives two copies of the source in every pass and a random half of it.
    """
    random = np.random.default_rng(seed)
    passes: list[np.ndarray] = []
    length = 0
    while length < tokens:
        documents: list[np.ndarray] = []
        for source, weight in mix.items():
            whole, part = divmod(weight, 1)
            texts = sources[source]
            documents += texts * int(whole)
            documents += [texts[i] for i in random.permutation(len(texts))[: round(part * len(texts))]]
        passes += [documents[i] for i in random.permutation(len(documents))]
        length += sum(len(document) for document in documents)
    return np.concatenate(passes)[:tokens]


def rows(stream: np.ndarray, start: int, tokens: int, length: int, device: torch.device) -> tuple[torch.Tensor, ...]:
    """Cut stream[start : start + tokens] into rows; return inputs, targets (shifted by one), both (rows, length)."""
    piece = torch.from_numpy(stream[start : start + tokens + 1].astype(np.int64)).to(device)
    return piece[:-1].view(-1, length), piece[1:].view(-1, length)


def document_mask(inputs: torch.Tensor, bos: int) -> torch.Tensor:
    """Return (rows, 1, length, length), true where a query may look: earlier or same place, same document."""
    document = (inputs == bos).cumsum(1)
    return (document[:, :, None] == document[:, None, :]).tril()[:, None]


# ---------------------------------------------------------------- model, optimisers, schedule


def build_model(config: dict, bos: int) -> LlamaForCausalLM:
    """Return a fresh Llama in float32; what its blocks add starts at zero (each begins as the identity).

    `residual_dropout` drops entries of what a block adds while training; Llama itself has only attention dropout.
    """
    model = LlamaForCausalLM(
        LlamaConfig(**config["model"], tie_word_embeddings=True, bos_token_id=bos, eos_token_id=bos, pad_token_id=bos)
    )
    for layer in model.model.layers:
        for projection in (layer.self_attn.o_proj, layer.mlp.down_proj):
            torch.nn.init.zeros_(projection.weight)
            if rate := config["residual_dropout"]:
                projection.register_forward_hook(
                    lambda module, _, out, rate=rate: F.dropout(out, rate, module.training)
                )
    return model


def build_optimizers(model: LlamaForCausalLM, settings: dict) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for the (tied) embedding and the norms."""
    hidden = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        Muon(hidden, lr=settings["muon_lr"], weight_decay=settings["muon_weight_decay"]),
        AdamW(
            others,
            lr=settings["adamw_lr"],
            betas=tuple(settings["adamw_betas"]),
            weight_decay=settings["adamw_weight_decay"],
        ),
    ]


def learning_rate_factor(step: int, steps: int, settings: dict) -> float:
    """Linear warm-up, then constant, then linear to zero over the last `decay_steps`."""
    rising = (step + 1) / settings["warmup_steps"]
    falling = (steps - step) / settings["decay_steps"]
    return min(1.0, rising, falling)


def mean_loss(model: LlamaForCausalLM, inputs: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of -log Pr(target | its document so far), in nats, with float32 logits."""
    hidden = model.model(input_ids=inputs, attention_mask=mask, use_cache=False).last_hidden_state
    return F.cross_entropy(model.lm_head(hidden).float().flatten(0, 1), targets.flatten())


# ---------------------------------------------------------------- files


def write_atomically(path: Path, write) -> None:
    """Write beside `path` and rename: a kill leaves the old file or the new one, never half of one."""
    temporary = path.with_name(path.name + ".part")
    write(temporary)
    os.replace(temporary, path)


def write_table(path: Path, header: list[str], table: list[list[float]]) -> None:
    """Write rows of (step, losses in nats per token) as CSV."""

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(header)
            lines.writerows([int(step), *(f"{loss:.5f}" for loss in losses)] for step, *losses in table)

    write_atomically(path, write)


def export(model: LlamaForCausalLM, tokenizer_folder: Path, folder: Path, shard_size: str) -> None:
    """Write the model (bfloat16) and the tokenizer as a folder that the Auto classes open."""
    half = LlamaForCausalLM(model.config)
    half.load_state_dict(model.state_dict())
    half.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    half.to(torch.bfloat16).save_pretrained(folder, max_shard_size=shard_size)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer_folder / name, folder / name)


# ---------------------------------------------------------------- the run


def held_out_losses(
    model: LlamaForCausalLM, texts: dict[str, np.ndarray], length: int, bos: int, device: torch.device
) -> dict[str, float]:
    """Return nats per token of each held-out stream, in rows of `length` tokens."""
    losses = {}
    model.eval()
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        for source, stream in texts.items():
            tokens = (len(stream) - 1) // length * length
            inputs, targets = rows(stream, 0, tokens, length, device)
            parts = [
                mean_loss(model, x, y, document_mask(x, bos)).item() * x.numel()
                for x, y in zip(inputs.split(16), targets.split(16), strict=True)
            ]
            losses[source] = sum(parts) / tokens
    model.train()
    return losses


def train(arguments: argparse.Namespace) -> None:
    config = json.loads(arguments.config.read_text(encoding="utf-8"))
    device = torch.device("cuda" if arguments.device == "auto" and torch.cuda.is_available() else "cpu")
    if arguments.device != "auto":
        device = torch.device(arguments.device)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    arguments.run.mkdir(parents=True, exist_ok=True)
    checkpoint_path = arguments.run / "checkpoint.pt"

    tokenizer = PreTrainedTokenizerFast.from_pretrained(arguments.tokenizer)
    bos = tokenizer.bos_token_id
    sources = {
        name: encode_source(arguments.corpus / "train" / f"{name}.jsonl.xz", tokenizer) for name in config["mix"]
    }
    steps, batch = config["steps"], config["batch_tokens"]
    stream = token_stream(sources, config["mix"], steps * batch + 1, config["seed"])
    limit = config["eval_tokens"]
    held_out = {
        name: np.concatenate(encode_source(arguments.corpus / "heldout" / f"{name}.jsonl.xz", tokenizer))[: limit + 1]
        for name in HELD_OUT
    }

    torch.manual_seed(config["seed"])
    model = build_model(config, bos).to(device)
    optimizers = build_optimizers(model, config["optimizer"])
    base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    losses: list[float] = []  # of every step so far
    held_out_table: list[list[float]] = []  # step, loss of each held-out source
    if checkpoint_path.exists():
        checkpoint = torch.load(checkpoint_path, map_location=device, weights_only=True)
        model.load_state_dict(checkpoint["model"])
        for optimizer, state in zip(optimizers, checkpoint["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        losses, held_out_table = checkpoint["losses"], checkpoint["held_out"]
        print(f"goes on after step {len(losses)}", flush=True)

    def save() -> None:
        state = {
            "model": model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "losses": losses,
            "held_out": held_out_table,
        }
        write_atomically(checkpoint_path, lambda path: torch.save(state, path))
        write_table(arguments.run / "losses.csv", ["step", "loss"], [[i, x] for i, x in enumerate(losses, 1)])
        write_table(arguments.run / "held_out.csv", ["step", *HELD_OUT], held_out_table)

    def best_step() -> int:
        """Return the step whose held-out loss (mean of the sources) was the lowest so far."""
        return int(min(held_out_table, key=lambda row: sum(row[1:]))[0])

    def patience_is_over() -> bool:
        return bool(config["patience"] and held_out_table and len(losses) - best_step() >= config["patience"])

    loss_function = torch.compile(mean_loss) if arguments.compile else mean_loss
    distinct = sum(len(document) for documents in sources.values() for document in documents)
    print(
        f"{model.num_parameters() / 1e6:.2f} M parameters on {device}; {len(stream) / 1e6:.1f} M tokens in {steps} "
        f"steps, drawn from {distinct / 1e6:.2f} M",
        flush=True,
    )
    begun = saved = printed = time.monotonic()
    first = last = len(losses)
    stop = min(steps, arguments.steps or steps)
    long_from = steps - config["long_steps"]

    for step in range(first, stop):
        if patience_is_over():
            print(
                f"no better for {config['patience']} steps: the best is step {best_step()}, in {arguments.run / 'best'}"
            )
            break
        length = config["sequence_length"] if step < long_from else config["long_sequence_length"]
        inputs, targets = rows(stream, step * batch, batch, length, device)
        factor = learning_rate_factor(step, steps, config["optimizer"])
        for optimizer, rates in zip(optimizers, base_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        with torch.autocast(device.type, torch.bfloat16):
            loss = loss_function(model, inputs, targets, document_mask(inputs, bos))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config["optimizer"]["clip"])
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise SystemExit(f"the loss of step {step + 1} is {losses[-1]}: lower the learning rates and start afresh")

        now = time.monotonic()
        done = len(losses)
        if now - printed > 20 or done == stop:
            speed = (done - last) * batch / (now - printed)
            remaining = (stop - done) * batch / speed / 60
            mean = sum(losses[last:]) / (done - last)
            print(f"step {done}/{stop}  loss {mean:.4f}  {speed:,.0f} tokens/s  {remaining:.0f} min left", flush=True)
            printed, last = now, done
        if done % config["eval_every"] == 0 or done == steps:
            held = held_out_losses(model, held_out, config["sequence_length"], bos, device)
            print(f"held out after {done}: " + "  ".join(f"{k} {v:.4f}" for k, v in held.items()), flush=True)
            held_out_table.append([done, *held.values()])
            if best_step() == done and config["patience"]:
                export(model, arguments.tokenizer, arguments.run / "best", arguments.shard_size)
        if time.monotonic() - saved > config["checkpoint_minutes"] * 60:
            save()
            saved = time.monotonic()
        if arguments.minutes and time.monotonic() - begun > arguments.minutes * 60:
            print("the leg is over: run the same command to go on")
            break

    if len(losses) > first:
        save()
    if arguments.export and (arguments.run / "best").is_dir():
        shutil.copytree(arguments.run / "best", arguments.export, dirs_exist_ok=True)
    elif arguments.export:
        export(model, arguments.tokenizer, arguments.export, arguments.shard_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="the recipe: config_cpu.json or config_gpu.json")
    parser.add_argument("--corpus", type=Path, required=True, help="folder with train/ and heldout/ (see prepare.py)")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder that tokenizer.py wrote")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoint and losses")
    parser.add_argument("--export", type=Path, help="write model and tokenizer to this folder at the end")
    parser.add_argument("--shard-size", default="5GB", help="largest weights file, for example 15MB")
    parser.add_argument("--steps", type=int, help="stop after so many steps; the schedule stays that of the config")
    parser.add_argument("--minutes", type=float, help="end this leg after so many minutes")
    parser.add_argument("--device", default="auto", help="auto (CUDA, else CPU), cpu, cuda")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.add_argument("--compile", action="store_true", help="torch.compile: a third faster, needs a C compiler")
    logging.disable_progress_bar()
    train(parser.parse_args())


if __name__ == "__main__":
    main()
