"""Lesson 08: the bug clinic."""
