"""Charts as pure functions from data frames, one module a page; nothing here knows where the numbers come from."""
