"""Many settings at once: their tasks as a graph, who does them, and the table of what is measured."""
