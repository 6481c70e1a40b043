"""Scores of base and tuned model, the verdict, and public benchmarks.

scoring  predictions against labels: one row per page, then one set of aggregates per model
gate     the verdict: is the tuned model good enough to take the base's place?
truth    evaluation sets from files: records of text, OmniDocBench's annotations, olmOCR-bench's facts
public/  public benchmarks as evaluation sets of a build: their pages and their scores
"""
