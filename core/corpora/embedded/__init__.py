"""The embedded corpus: ``sentences.tsv``; ``python -m benchmarks.verify_corpus`` checks its translations."""
