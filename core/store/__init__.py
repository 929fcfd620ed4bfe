"""Artefacts on disk: written whole, checked when read, computed once."""
