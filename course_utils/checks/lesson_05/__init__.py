"""Checks of lesson 05: stable primitives."""
