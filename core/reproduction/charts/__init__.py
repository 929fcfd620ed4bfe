"""The report's figures, one module for each module of `core.reproduction.items`: from its tables to Altair charts."""
