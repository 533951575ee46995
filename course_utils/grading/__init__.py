"""Grades submissions: notebooks in, gradebook and feedback out.

The way of one notebook: `submissions` finds and reads the file, `graft` puts its answers into the pristine solved
notebook, `run` hands that to a worker process, where `nbval_items` runs it cell by cell in an isolated `kernel` and
lets the judge of each task decide, outside the kernel, on what the answer returned; `report` and `feedback` write the
results down.
"""
