"""Published corpora, downloaded: what there is, over HTTP, checked and put in place."""
