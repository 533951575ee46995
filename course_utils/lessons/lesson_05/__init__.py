"""Lesson 05: stable primitives."""
