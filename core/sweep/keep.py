"""What is kept of a sweep's cells."""

from __future__ import annotations

KEEP = {
    "measures": "the measures of every cell alone; embeddings are dropped once these are stored",
    "layer": "the measures, and embeddings at the layer that is measured",
    "embeddings": "the measures, and embeddings at every layer, as single runs keep them",
}
"""What is kept of a cell, the usual first."""
