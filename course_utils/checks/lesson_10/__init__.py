"""Checks of lesson 10: scoring at scale."""
