"""The second half of a check: what is right, and which mistakes are known.

judging     from what a probe brought back to points and a message
registry    the judges and known mistakes of each task
mutants     how known mistakes, and right answers in other forms, are written down
lesson_NN   `judge` (references, tolerances, rules) and `mutants` of a lesson's tasks
misconceptions.toml   what a student with a known mistake reads
"""
