"""Computing on a Ray cluster: the connection, workers that keep a model in memory, and who hands them work."""
