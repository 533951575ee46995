"""What a notebook of the course calls: `check`, `predict` and `reveal`, `figure`, `interact` with its `slider`.

Importing this package is cheap: it loads neither torch nor matplotlib, and IPython only when something is displayed.
Everything here prints to stdout or displays; nothing is written to stderr, so stored outputs stay clean.
"""

from course_utils.lesson.checking import check
from course_utils.lesson.figures import figure
from course_utils.lesson.playing import interact, slider
from course_utils.lesson.predicting import predict, reveal

__all__ = ["check", "figure", "interact", "predict", "reveal", "slider"]
