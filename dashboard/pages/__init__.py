"""One file a page: reads the controls, asks core, draws."""
