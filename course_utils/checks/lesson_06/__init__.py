"""Checks of lesson 06: joint, marginal, conditional."""
