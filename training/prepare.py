"""Check the training text, and fetch the public files that it was made from.

    python training/prepare.py --corpus CORPUS      # is every file the one that the course model was trained on?
    python training/prepare.py --download RAW       # fetch the sources at their commits (needs a network)

sources.json holds the list that both ways are held against: repository, paths, commit and licence of each source, and
the sha256 of each cleaned file. What the download route can and cannot do is said in README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

SOURCES = Path(__file__).parent / "sources.json"


def read_texts(path: Path) -> list[str]:
    """Return the documents of one file of the corpus (xz-compressed JSON lines with a field "text")."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def wrong_files(corpus: Path, files: list[dict]) -> list[str]:
    """Return one line for each file that is missing from `corpus` or is not, byte for byte, the listed one."""
    problems = []
    for entry in files:
        path = corpus / entry["file"]
        if not path.is_file():
            problems.append(f"{entry['file']}: missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            problems.append(f"{entry['file']}: not the file that the course model was trained on (sha256 differs)")
    return problems


def git_blob_id(content: bytes) -> str:
    """Return the name that git gives to a file of this content; a commit fixes these names for all its files."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def fetch(url: str) -> bytes:
    """Return what is at `url`; one line instead of a traceback when it cannot be had."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise SystemExit(f"cannot fetch {url} ({error}): is there a network? --corpus needs none") from error


def download(source: str, entry: dict, folder: Path, get: Callable[[str], bytes] = fetch) -> int:
    """Fetch the files of one source at its commit into folder/source, check each against the commit, count them.

    A file that is already there and right is not fetched again, so an interrupted download goes on where it stopped.
    """
    repository, commit = entry["repository"], entry["commit"]
    tree = json.loads(get(f"https://api.github.com/repos/{repository}/git/trees/{commit}?recursive=1"))
    blobs = {item["path"]: item["sha"] for item in tree["tree"] if item["type"] == "blob"}
    count = 0
    for pattern in entry["paths"]:
        paths = [path for path in blobs if path == pattern or fnmatchcase(path, pattern)]
        if not paths:
            raise SystemExit(f"{source}: {repository} has no file {pattern} at commit {commit}")
        for path in paths:
            target = folder / source / path
            if not (target.is_file() and git_blob_id(target.read_bytes()) == blobs[path]):
                content = get(f"https://raw.githubusercontent.com/{repository}/{commit}/{urllib.parse.quote(path)}")
                if git_blob_id(content) != blobs[path]:
                    raise SystemExit(f"{source}: {path} did not arrive as commit {commit} has it; try again")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--corpus", type=Path, help="folder with the cleaned text: train/, heldout/, eval/")
    way.add_argument("--download", type=Path, metavar="RAW", help="folder for the public files as they are")
    arguments = parser.parse_args()
    listed = json.loads(SOURCES.read_text(encoding="utf-8"))
    if arguments.download:
        for source, entry in listed["sources"].items():
            count = download(source, entry, arguments.download)
            print(f"{source}: {count} files of {entry['repository']} at {entry['commit'][:10]}", flush=True)
        return
    problems = wrong_files(arguments.corpus, listed["files"])
    if problems:
        raise SystemExit("\n".join(problems))
    print(f"{len(listed['files'])} files, all as listed in sources.json")


if __name__ == "__main__":
    main()
