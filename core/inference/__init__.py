"""A model over sentences: batches, reading and writing of neurons, embeddings, generated text, perplexity."""
