"""Checks of lesson 04: stable primitives."""
