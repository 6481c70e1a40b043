"""Labels and PDFs that were right, made wrong on purpose: what trust must fall for.

defects   defects of a label, as if the reader had made it, and lies of a text layer
pages     pages whose label is the truth: samples, the zoo, ICDAR 2013
fitting   the weights of `dataset.trust`, from pages of which it is known whether they are right
"""
