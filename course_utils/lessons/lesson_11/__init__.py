"""Lesson 11: loss on the response only."""
