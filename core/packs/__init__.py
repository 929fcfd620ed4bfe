"""Results in one file: packed on one machine, shown on any other without the model."""
