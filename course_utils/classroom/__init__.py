"""What `course_utils.lesson` lends to notebooks, a file each; and what is remembered of a student, on their machine."""
