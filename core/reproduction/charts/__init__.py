"""The report's charts: pure functions from its tables to Altair charts."""
