"""Intervals, tests and correlation."""
