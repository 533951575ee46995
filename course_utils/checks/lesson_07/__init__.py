"""Checks of lesson 07: decomposition and search."""
