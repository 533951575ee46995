"""Checks of lesson 11: loss on the response only."""
