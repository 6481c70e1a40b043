"""Public benchmarks as evaluation sets of a build: their pages, their scores, and how these are shown."""
