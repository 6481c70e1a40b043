"""Scores of base and tuned model, the verdict, and public benchmarks.

gate     the verdict: is the tuned model good enough to take the base's place?
public/  public benchmarks as evaluation sets of a build: their pages, their scores, and how these are shown
scoring  scoring predictions against labels: one row per page, then one set of aggregates per model
truth    evaluation sets from files
"""
