"""Checks of lesson 12: the capstone."""
