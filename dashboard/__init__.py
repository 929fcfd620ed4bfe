"""Shows what :mod:`core` computes: it makes no pass of a model and fits no map itself, and draws from what is known."""
