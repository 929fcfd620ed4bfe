"""Neurons: where they are in a model, how they are scored and chosen, and how their outputs are changed."""
