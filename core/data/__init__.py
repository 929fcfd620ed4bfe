"""The embedded corpus (``sentences.tsv``) and the check of its translations (``python -m core.data.verify``)."""
