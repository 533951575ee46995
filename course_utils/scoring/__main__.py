"""``python -m course_utils.scoring`` is ``course score``; under ``torchrun`` each process takes its share."""

import argparse
import sys

from .command import __doc__ as description
from .command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="course_utils.scoring", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
