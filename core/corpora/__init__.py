"""Multi-parallel sentences: corpora in their published layouts, tables of one's own, and the embedded corpus."""
