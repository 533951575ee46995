"""Checks of lesson 03: log space and underflow."""
