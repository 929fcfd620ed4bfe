"""What a visitor has chosen: the link, a page's own choices, the presentation, the session."""
