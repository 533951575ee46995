"""`course build`: from the sources to the published files; `course build --check`: are they what the sources give?

Sources: the cells of notebooks/ and solutions/, the tags on them, pyproject.toml, the points of the checks.
Generated: the outputs stored in those notebooks, exercises/, the index table in README.md, docs/coverage.md,
environment.yml.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from course_utils import project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Execute the notebooks whose code changed and generate everything that follows from them."
    parser.epilog = (
        "Examples: `course build 01` after a change to lesson 01; `course build --force` after a change to the "
        "package that changes outputs; `course build --check` before a commit; `course build --handout DIR` for a copy "
        "that students can have while the points still count."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="01, 01_chain_rule or notebooks/01_chain_rule.ipynb")
    parser.add_argument("--check", action="store_true", help="run and change nothing; say what is not as it should be")
    parser.add_argument("--force", action="store_true", help="execute even where the code did not change")
    parser.add_argument(
        "--handout", type=Path, metavar="DIR", help="only write a copy of the course without solutions and judges"
    )
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="notebooks run at a time")
    parser.add_argument("--root", type=Path, help="the project's folder (default: where the course is)")


def run(args: argparse.Namespace) -> int:
    """0 when all is well, 1 where there are problems, 2 where it cannot work as called, 130 after Ctrl-C."""
    from course_utils.staff.authoring import lints
    from course_utils.staff.authoring.build import handout
    from course_utils.staff.authoring.build.build import OperatorError, build, check, selected

    try:
        root = args.root or project.course_folder()
        if not Path.cwd().is_relative_to(root.resolve()):
            print(f"the course in {root}", file=sys.stderr)
        if args.handout:
            print(handout.hand_out(root, args.handout))
            return 0
        sources = selected(root, args.names)
        if args.check:
            problems = check(root, sources)
        else:
            problems = asyncio.run(build(root, sources, force=args.force, jobs=args.jobs))
    except (OperatorError, project.NoCourse, handout.NotPossible, lints.RuffError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, everything else is as it was", file=sys.stderr)
        return 130
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problem{'s'[: len(problems) > 1]}")
    elif args.check:
        print("every notebook and every generated file is as its sources say")
    return 1 if problems else 0
