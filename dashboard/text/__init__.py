"""Sentences that a page or a report shows, made from figures."""
