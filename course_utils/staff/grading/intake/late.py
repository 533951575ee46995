"""What lateness costs, as a rule of the operator's. The points of the judge stay as they are."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta

RULE = re.compile(
    r"(?P<share>\d+(?:\.\d+)?) ?% ?(?:an?|per|each|every|/) ?(?P<unit>hour|day|week)"
    r"(?:,? ?(?:at most|up to|max(?:imum)?\.?) ?(?P<most>\d+(?:\.\d+)?) ?%)?",
    re.I,
)
UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


class BadRule(ValueError):
    """The rule cannot be read; the text says what one looks like."""


@dataclass(frozen=True)
class LateRule:
    """A share of the points for each unit of time that has begun, and at most so much."""

    share: float
    unit: timedelta
    most: float = 1.0

    def cost(self, delay: timedelta) -> float:
        """The share of the points that so much delay costs, between 0 and 1."""
        return min(self.share * math.ceil(delay / self.unit), self.most)


def late_rule(text: str) -> LateRule:
    """A rule like `10% a day, at most 50%`. Raises BadRule."""
    found = RULE.fullmatch(" ".join(text.split()))
    share, most = (float(found[key] or 100) / 100 for key in ("share", "most")) if found else (0.0, 0.0)
    if not found or not (0 < share <= 1 and 0 < most <= 1):
        raise BadRule(f"--late {text!r} is no rule: it is like '10% a day, at most 50%' (hour, day or week)")
    return LateRule(share, UNITS[found["unit"].lower()], most)
