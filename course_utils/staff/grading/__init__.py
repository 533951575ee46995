"""Grades submissions: notebooks in, gradebook and feedback out. A room for each step of a notebook's way:

intake/    finds the files, reads them and says which counts (manifest); rosters and tables of points
place/     puts the answers into the pristine solved notebook
run/       runs graded copies in worker processes, cell by cell, with nbval
sandbox/   isolated kernels, in which students' code runs
report/    gradebook, feedback, overview, exports

What all rooms know: `records` (a row of the results), `tables` (CSV), `plain_text` (text that is safe to show).
"""
