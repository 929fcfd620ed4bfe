"""What is asked: the settings, their names, what they mean on one model and corpus, and the file they are saved in."""
