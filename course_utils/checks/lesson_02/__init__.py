"""Checks of lesson 02: where sequences begin and end."""
