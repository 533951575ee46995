"""``python -m course_utils.scoring`` is ``course score``; under ``torchrun`` each process takes its share."""

import argparse
import sys

from course_utils.cli import score

if __name__ == "__main__":
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("course_utils.scoring", description=score.__doc__, formatter_class=raw)
    score.add_arguments(parser)
    sys.exit(score.run(parser.parse_args()))
