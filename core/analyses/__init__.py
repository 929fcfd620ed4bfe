"""Questions beyond one result: each is asked of a run, computes what is missing, and keeps its answer in the store."""
