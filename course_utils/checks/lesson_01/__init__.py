"""Checks of lesson 01: chain-rule arithmetic by hand."""
