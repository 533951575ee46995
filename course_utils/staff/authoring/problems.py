"""A problem that an author has to solve: one line that names the file, the cell and the remedy."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    file: str
    cell: str  # a cell id; empty where the problem is the whole file's
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}: cell {self.cell}" if self.cell else self.file
        return " ".join(f"{where}: {self.text}{'; ' + self.remedy if self.remedy else ''}".split())
