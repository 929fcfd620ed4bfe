"""Work that pages ask for: the queue, the questions, the background fill."""
