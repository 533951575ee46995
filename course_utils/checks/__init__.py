"""The checks behind the exercises: a probe asks, a judge decides, mutants prove that the judge can tell right from
wrong.

* `lesson_NN/probe.py` calls the answer on inputs and returns plain data: all that a student's kernel ever imports.
* `lesson_NN/judge.py` turns that data into points and a message, in whatever process is trusted.
* `lesson_NN/mutants.py` holds wrong answers, each with the misconception behind it, and unusual right ones.
"""
