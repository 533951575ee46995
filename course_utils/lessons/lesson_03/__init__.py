"""Lesson 03: log space and underflow."""
