"""An experiment: its settings and their names, its plan on one model and corpus, and the file it is saved in."""
