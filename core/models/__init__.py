"""Models: found, described, loaded."""
