"""Lesson 06: joint, marginal, conditional."""
