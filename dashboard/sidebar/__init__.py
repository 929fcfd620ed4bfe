"""The sidebar: settings, uploads, saving."""
