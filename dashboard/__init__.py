"""Shows what :mod:`core` computes; computes nothing itself."""
