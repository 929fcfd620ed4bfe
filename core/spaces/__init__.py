"""Geometry of embedding spaces: similarity, retrieval, neighbours, distances, projection."""
