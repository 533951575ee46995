"""Lesson 04: stable primitives."""
