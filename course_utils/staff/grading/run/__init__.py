"""A grading run: workers that run graded copies cell by cell, on this machine or on a cluster."""
