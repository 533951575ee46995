"""Checks of lesson 08: the bug clinic."""
