"""Checks of lesson 09: a real model."""
