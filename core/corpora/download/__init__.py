"""Downloads published corpora: the catalogue, the transfer over HTTP with checksums, and the installation."""
