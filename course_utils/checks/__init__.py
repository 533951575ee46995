"""The student's half of a check: it asks, and knows nothing of what is right.

plain      values as plain data, which cannot lie
probing    calls an answer on the inputs of its task and writes down what came back
cells      what the cells that were run say of an answer that is not there
patience   an end to an answer that comes to none
reading    numbers, arrays and texts from plain data
registry   which tasks there are

The inputs of a task are in `lessons/lesson_NN/probe.py`; what is right, in `staff/judging/`.
"""
