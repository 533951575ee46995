"""Lesson 07: decomposition and search."""
