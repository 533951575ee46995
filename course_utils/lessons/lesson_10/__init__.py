"""Lesson 10: scoring at scale."""
