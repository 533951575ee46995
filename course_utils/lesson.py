"""What a notebook of the course calls: `check`, `predict` and `reveal`, `figure`, `interact` with its `slider`.

Importing this module is cheap: it loads neither torch nor matplotlib, and IPython only when something is displayed.
Everything here prints to stdout or displays; nothing is written to stderr, so stored outputs stay clean.
"""

from course_utils.classroom.checking import check
from course_utils.classroom.figures import figure
from course_utils.classroom.playing import interact, slider
from course_utils.classroom.predicting import predict, reveal

__all__ = ["check", "figure", "interact", "predict", "reveal", "slider"]
