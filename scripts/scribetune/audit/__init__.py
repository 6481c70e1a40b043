"""The audit: what made a model, over all of history, read back from the lineages that the build wrote."""
