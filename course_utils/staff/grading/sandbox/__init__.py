"""Kernels in which strangers' code runs: how they are started, watched and ended."""
