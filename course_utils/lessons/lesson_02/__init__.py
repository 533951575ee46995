"""Lesson 02: where sequences begin and end."""
