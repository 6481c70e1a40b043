"""Scores of base and tuned model, the verdict, and public benchmarks.

scoring  predictions against labels: one row per page, then one set of aggregates per model
gate     the verdict: is the tuned model good enough to take the base's place?
lost_characters  what the base reads and the tuned model no longer does, on pages outside the domain
learning_curve  a power law through trainings on parts of the pages: what more pages would buy
truth    evaluation sets from files: records of text, OmniDocBench's annotations, olmOCR-bench's facts
public/  public benchmarks as evaluation sets of a build: their pages and their scores
"""
