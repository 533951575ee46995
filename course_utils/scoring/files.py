"""A file of pairs in, a file of scores out: in order, resumable, split over processes.

Lines are scored in chunks of fixed places, so that a line's neighbours, and with them the last bits of its score, are
the same whether the run was interrupted or not and whichever process took it.
"""

import hashlib
import json
import math
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from .results import PairScore

CHUNK = 128  # lines
OPTIONS = ("model", "dtype", "bos", "eos", "boundary", "overflow", "stride", "batch_tokens", "simple")

Line = tuple[int, bytes]  # its number, counted from 1, and what stands in it


def score_file(args: Namespace) -> int:
    """Score ``args.pairs`` into ``args.out``; the exit status of ``course score``."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    try:
        if rank == 0:
            refuse_other_run(args)
        if not is_complete(args):
            score_share(args, rank, world)
    except (OSError, ValueError) as error:
        print(f"course score: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nStopped; {args.out} keeps what is done. The same command goes on from there.", file=sys.stderr)
        return 130
    if rank > 0:
        return 0
    with args.out.open("rb") as out:
        return int(any("error" in json.loads(line) for line in out))


def score_share(args: Namespace, rank: int, world: int) -> None:
    """Score every ``world``-th chunk into this process's file; the first process then puts all files together."""
    group = start_group(world)
    target = part_file(args.out, rank, world)
    done, place = finished(target, islice(chunks(args.pairs), rank, None, world))
    scorer = make_scorer(args)
    with target.open("ab") as out:
        out.truncate(place)
        shares = list(islice(chunks(args.pairs), rank, None, world))
        with tqdm(total=sum(map(len, shares)), disable=None if rank == 0 else True, unit=" lines") as progress:
            for number, lines in enumerate(shares):
                if number >= done:
                    records = [json.dumps(record, ensure_ascii=False) + "\n" for record in score_lines(scorer, lines)]
                    out.write("".join(records).encode("utf-8"))
                    out.flush()
                progress.update(len(lines))
    if group:
        group.barrier()
    if world > 1 and rank == 0:
        merge(args.out, world)


def chunks(pairs: Path) -> Iterator[list[Line]]:
    """The lines of the file, CHUNK at a time; empty ones are left out but counted."""
    with pairs.open("rb") as lines:
        numbered = enumerate(lines, start=1)
        while chunk := list(islice(numbered, CHUNK)):
            yield [(number, line) for number, line in chunk if line.strip()]


def part_file(out: Path, rank: int, world: int) -> Path:
    """Where one of several processes writes; a single one writes to the file itself."""
    return out if world == 1 else out.with_name(f"{out.name}.part-{rank}-of-{world}")


def finished(path: Path, shares: Iterable[list[Line]]) -> tuple[int, int]:
    """(how many chunks the file holds in full, where in the file they end): a killed run may leave part of one."""
    done = place = 0
    if not path.exists():
        return done, place
    with path.open("rb") as out:
        for lines in shares:
            records = list(islice(out, len(lines)))
            if len(records) < len(lines) or any(not record.endswith(b"\n") for record in records):
                break
            done, place = done + 1, place + sum(map(len, records))
    return done, place


def is_complete(args: Namespace) -> bool:
    """Whether the file of scores holds every chunk already."""
    done, _ = finished(args.out, chunks(args.pairs))
    return args.out.exists() and done == sum(1 for _ in chunks(args.pairs))


def merge(out: Path, world: int) -> None:
    """The files of all processes become one in the order of the input, and then go."""
    parts = [part_file(out, rank, world) for rank in range(world)]
    # bytes: as text, a line would also end at the line separators of Unicode, which may stand in an id
    records = [record for part in parts for record in part.read_bytes().splitlines(keepends=True)]
    records.sort(key=lambda record: json.loads(record)["line"])
    whole = out.with_name(out.name + ".whole")
    whole.write_bytes(b"".join(records))
    whole.replace(out)
    for part in out.parent.glob(f"{out.name}.part-*"):
        part.unlink()


def start_group(world: int):
    """The processes that torchrun started, able to wait for each other; None for a single one."""
    if world == 1:
        return None
    import torch.distributed as group

    group.init_process_group("gloo", timeout=timedelta(days=7))  # one share may take much longer than another
    return group


def refuse_other_run(args: Namespace) -> None:
    """Scores of two models, or of two inputs, never meet in one file: what made it stands in a file beside it.

    Raises:
        ValueError: the scores there were made otherwise.
    """
    settings = {name: getattr(args, name) for name in OPTIONS}
    settings["pairs"] = hashlib.sha256(args.pairs.read_bytes()).hexdigest()
    beside = args.out.with_name(args.out.name + ".run.json")
    begun = args.out.exists() or any(args.out.parent.glob(f"{args.out.name}.part-*"))
    if begun and beside.exists():
        before = json.loads(beside.read_text(encoding="utf-8"))
        different = [name for name in settings if before.get(name) != settings[name]]
        if different:
            raise ValueError(
                f"{args.out} was begun with another {' and another '.join(different)}; remove it, or give another --out"
            )
    elif args.out.exists() and args.out.stat().st_size:
        raise ValueError(f"{args.out} exists and was not made by this command; remove it, or give another --out")
    beside.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def make_scorer(args: Namespace):
    """The scorer that the arguments ask for; under torchrun each process has a GPU of its own."""
    import torch

    from .scorer import load_scorer

    device = args.device
    if device in ("auto", "cuda") and "LOCAL_RANK" in os.environ and torch.cuda.is_available():
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    named = {"auto": "auto", "yes": True, "no": False}
    bos = named[args.bos] if args.bos in named else int(args.bos)
    options = ("eos", "boundary", "overflow", "stride", "batch_tokens", "simple")
    chosen = {name: getattr(args, name) for name in options}
    return load_scorer(args.model, device=device, dtype=args.dtype, bos=bos, **chosen)


def score_lines(scorer, lines: list[Line]) -> list[dict]:
    """One record for each line, in order."""
    records: dict[int, dict] = {}
    good: list[tuple[int, object, tuple[str, str]]] = []
    for number, line in lines:
        try:
            given = json.loads(line)
            pair = given["x"], given["y"]
            if not all(isinstance(text, str) for text in pair):
                raise TypeError("x and y are texts")
            good.append((number, given.get("id", number), pair))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            records[number] = {"line": number, "error": explain(error)}
    for (number, name, _), score in zip(good, score_each(scorer, [pair for _, _, pair in good]), strict=True):
        failed = {"line": number, "error": score} if isinstance(score, str) else None
        records[number] = failed or record_of(name, number, score)
    return [records[number] for number, _ in lines]


def explain(error: Exception) -> str:
    """What is wrong with a line, in one."""
    if isinstance(error, KeyError):
        return f"no {error} in it: a line is an object with x and y"
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error.msg} at character {error.pos + 1}"
    return str(error).removeprefix("pair 0 ")


def score_each(scorer, pairs: list[tuple[str, str]]) -> list[PairScore | str]:
    """The scores of all pairs; where they cannot all be scored, one by one, with the reason for those that cannot."""
    try:
        return scorer.score(pairs)
    except (ValueError, TypeError) as error:
        if len(pairs) == 1:
            return [explain(error)]
    return [each for pair in pairs for each in score_each(scorer, [pair])]


def record_of(name: object, line: int, score: PairScore) -> dict:
    """One line of the output. JSON knows no infinity: minus infinity is a string."""
    values = {key: getattr(score, key) for key in ("joint", "marginal", "conditional")}
    return {
        "id": name,
        "line": line,
        **{key: "-Infinity" if value == -math.inf else value for key, value in values.items()},
        "x_tokens": len(score.x_tokens),
        "y_tokens": len(score.y_tokens),
        "bytes": score.n_bytes,
        "flags": list(score.flags),
    }
