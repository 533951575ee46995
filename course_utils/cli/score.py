"""Log-probabilities of the pairs in a file: log Pr(y | x), joint and marginal, in nats.

In: one JSON object a line, {"x": "The cat", "y": " sat"}; "id" is optional (the line number takes its place).
Out: one line for each, in the same order:

  {"id": 1, "line": 1, "joint": -9.1, "marginal": -6.0, "conditional": -3.1, "x_tokens": 2, "y_tokens": 1, "bytes": 4,
   "exact": true, "flags": []}

"exact" says whether this is the probability of exactly the characters of y given exactly those of x; the flags say why
not (docs/scoring.md has them). "x": null is an empty x. A log-probability of minus infinity is the string "-Infinity".
A line that cannot be scored gives {"line", "error"}, and the exit status is then 1 (else 0). A run that was stopped
goes on where it stopped when the same command is given again.

Several GPUs or machines (they share the folder of the file):

  torchrun --nproc-per-node=4 -m course_utils.scoring pairs.jsonl --model NAME --out scores.jsonl
"""

import argparse
import hashlib
import json
import math
import os
import sys
from datetime import timedelta
from pathlib import Path

# Lines are scored in chunks of fixed places, so that a line's neighbours, and with them the last bits of its score, are
# the same whether the run was interrupted or not and whichever process took it.
CHUNK = 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``course score``."""
    add = parser.add_argument
    add("pairs", type=Path, help="file of pairs, one JSON object a line")
    add("--out", type=Path, required=True, help="file for the scores")
    add("--model", help="name on the Hugging Face hub or folder (default: the course model)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    add("--dtype", default="auto", help="auto, float32, bfloat16 ... (default: auto)")
    add("--bos", default="auto", help="before x: auto (as the tokenizer does), yes, no, or an id")
    add("--eos", action="store_true", help="score the end of the text after y too")
    add("--boundary", choices=["prefix", "error"], default="prefix", help="a token across x and y")
    add("--lossy", choices=["error", "flag"], default="error", help="characters that the tokenizer has no token for")
    text = '"</s>" in a text: the token that steers the model, or four characters'
    add("--special-tokens", choices=["control", "text"], default="control", help=text)
    add("--overflow", choices=["error", "slide"], default="error", help="longer than the model's window")
    add("--stride", type=int, help="ids from one window to the next (default: half a window)")
    add("--batch-tokens", type=int, default=1024, help="ids in one forward pass (default: 1024)")
    add("--simple", action="store_true", help="no shortcut: one sequence at a time")


def run(args: argparse.Namespace) -> int:
    """Score the file; the exit status: 0, 1 if any line was bad, 2 if the command cannot be done as given."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    try:
        score_file(args, rank, world)
        with args.out.open("rb") as out:
            return int(rank == 0 and any("error" in json.loads(line) for line in out))
    except (OSError, ValueError) as error:
        print(f"course score: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nStopped; {args.out} keeps what is done. The same command goes on from there.", file=sys.stderr)
        return 130


def score_file(args: argparse.Namespace, rank: int, world: int) -> None:
    """Score this process's share of ``args.pairs``; of several processes, the first then puts all shares together."""
    with args.pairs.open("rb") as pairs:
        lines = [(number, line) for number, line in enumerate(pairs, start=1) if line.strip()]
    if rank == 0:
        refuse_other_run(args)
    if len(whole_records(args.out)) == len(lines) > 0:
        return
    chunks = [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]
    if world == 1:
        return score_chunks(args, chunks, args.out)
    group = start_group()
    parts = [args.out.with_name(f"{args.out.name}.part-{each}-of-{world}") for each in range(world)]
    score_chunks(args, chunks[rank::world], parts[rank], show=rank == 0)
    group.barrier()
    if rank == 0:
        records = sorted((r for part in parts for r in whole_records(part)), key=lambda r: json.loads(r)["line"])
        whole = args.out.with_name(args.out.name + ".whole")
        whole.write_bytes(b"".join(records))
        whole.replace(args.out)
        for part in args.out.parent.glob(f"{args.out.name}.part-*"):
            part.unlink()
    group.barrier()


def score_chunks(args: argparse.Namespace, chunks: list[list[tuple[int, bytes]]], out: Path, show: bool = True) -> None:
    """Score the chunks that the file lacks, each written when it is done; a killed run may leave part of one."""
    from tqdm import tqdm

    records, total = whole_records(out), sum(map(len, chunks))
    done = len(chunks) if len(records) == total else len(records) // CHUNK
    scorer = make_scorer(args) if chunks[done:] else None
    progress = tqdm(total=total, initial=min(total, done * CHUNK), disable=None if show else True, unit=" lines")
    with out.open("ab") as file, progress:
        file.truncate(sum(map(len, records[: done * CHUNK])))
        for lines in chunks[done:]:
            texts = [json.dumps(record, ensure_ascii=False) + "\n" for record in score_lines(scorer, lines)]
            # half of a surrogate pair in an id has no bytes in UTF-8: it is written as JSON escapes it
            file.write("".join(texts).encode("utf-8", errors="backslashreplace"))
            file.flush()
            progress.update(len(lines))


def whole_records(path: Path) -> list[bytes]:
    """The lines of a file of scores, without a last one that broke off."""
    # bytes: as text, a line would also end at the line separators of Unicode, which may stand in an id
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [line for line in lines if line.endswith(b"\n")]


def start_group():
    """The processes that torchrun started, able to wait for each other."""
    import torch.distributed as group

    group.init_process_group("gloo", timeout=timedelta(days=7))  # one share may take much longer than another
    return group


def refuse_other_run(args: argparse.Namespace) -> None:
    """Scores of two models, or of two inputs, never meet in one file: what made it stands in a file beside it.

    Raises:
        ValueError: the scores there were made otherwise.
    """
    settings = {name: value for name, value in vars(args).items() if name not in ("out", "device")}
    settings["pairs"] = hashlib.sha256(args.pairs.read_bytes()).hexdigest()
    beside = args.out.with_name(args.out.name + ".run.json")
    before = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else None
    if before is None and args.out.exists() and args.out.stat().st_size:
        raise ValueError(f"{args.out} exists and was not made by this command; remove it, or give another --out")
    different = [name for name in settings if before and before.get(name) != settings[name]]
    if different and (args.out.exists() or any(args.out.parent.glob(f"{args.out.name}.part-*"))):
        another = " and another ".join(different)
        raise ValueError(f"{args.out} was begun with another {another}; remove it, or give another --out")
    beside.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def make_scorer(args: argparse.Namespace):
    """The scorer that the arguments ask for; under torchrun each process has a GPU of its own."""
    import torch  # slow to load, and not before it is needed

    from course_utils.scoring import load_scorer

    device = args.device
    if device in ("auto", "cuda") and "LOCAL_RANK" in os.environ and torch.cuda.is_available():
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    named = {"auto": "auto", "yes": True, "no": False}
    bos = named[args.bos] if args.bos in named else int(args.bos)
    names = ("eos", "boundary", "lossy", "special_tokens", "overflow", "stride", "batch_tokens", "simple")
    options = {name: getattr(args, name) for name in names}
    return load_scorer(args.model, device=device, dtype=args.dtype, bos=bos, **options)


def score_lines(scorer, lines: list[tuple[int, bytes]]) -> list[dict]:
    """One record for each (number, line), in order."""
    given = [parse(line) for _, line in lines]
    scores = iter(score_each(scorer, [(g["x"], g["y"]) for g in given if isinstance(g, dict)]))
    records = []
    for (number, _), pair in zip(lines, given, strict=True):
        score = next(scores) if isinstance(pair, dict) else pair
        if isinstance(pair, str) or isinstance(score, str):
            records.append({"line": number, "error": score})
        else:
            records.append(record_of(pair.get("id", number), number, score))
    return records


def parse(line: bytes) -> dict | str:
    """The object with x and y on a line, or what is wrong with it."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"no JSON: {getattr(error, 'msg', error)}"
    if not (isinstance(given, dict) and {"x", "y"} <= given.keys()):
        return "not an object with 'x' and 'y'"
    return given | {"x": ""} if given["x"] is None else given


def score_each(scorer, pairs: list[tuple[str, str]]) -> list:
    """The scores of all pairs; where they cannot all be scored, one by one, with the reason for those that cannot."""
    try:
        return scorer.score(pairs)
    except (ValueError, TypeError) as error:
        if len(pairs) == 1:
            return [str(error).removeprefix("pair 0 ")]
    return [each for pair in pairs for each in score_each(scorer, [pair])]


def record_of(name: object, line: int, score) -> dict:
    """One line of the output, of a PairScore. JSON knows no infinity: minus infinity is a string."""
    values = {key: getattr(score, key) for key in ("joint", "marginal", "conditional")}
    values = {key: "-Infinity" if value == -math.inf else value for key, value in values.items()}
    counts = {"x_tokens": len(score.x_tokens), "y_tokens": len(score.y_tokens), "bytes": score.n_bytes}
    return {"id": name, "line": line, **values, **counts, "exact": score.exact, "flags": list(score.flags)}
