"""Analyses beyond one result: each takes a run, computes what is missing and stores its answer."""
