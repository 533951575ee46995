"""Lesson 01: chain-rule arithmetic by hand."""
