"""Prompts in several languages, written for this project, to see in which language a model answers."""
