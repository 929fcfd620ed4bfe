"""Taking a setting along: an intervention written into a model's weights, and sentences with their embeddings."""
