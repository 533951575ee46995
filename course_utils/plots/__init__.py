"""What the figures of all lectures share: one `style`, and `legibility`, which looks at a figure as a reader does.

The figures of a lesson are in `course_utils/lessons/lesson_NN/plots.py`, a function for each: it takes data and returns
a matplotlib Figure, which `course_utils.lesson.figure` shows.
"""
