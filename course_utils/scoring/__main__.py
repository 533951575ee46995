"""``python -m course_utils.scoring`` is ``course score``; under ``torchrun`` each process takes its share."""

import argparse
import sys

from . import command

if __name__ == "__main__":
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("course_utils.scoring", description=command.__doc__, formatter_class=raw)
    command.add_arguments(parser)
    sys.exit(command.run(parser.parse_args()))
