"""Lesson 09: a real model."""
