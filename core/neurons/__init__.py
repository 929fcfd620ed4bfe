"""Neurons: where they are, how they are scored and chosen, and what is written to them."""
