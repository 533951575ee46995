"""The graded copy: a student's answers in the pristine solved notebook."""
