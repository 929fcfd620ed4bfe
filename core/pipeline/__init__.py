"""Runs an experiment stage by stage, keeping each stage in the store."""
