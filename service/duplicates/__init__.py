"""Duplicates: what two products are to each other, and which of a whole catalogue are the same.

verdicts    what two products are to each other, how likely, and why
lookup      one product -> its neighbours, and who shares an article number or a picture -> judged
groups      a whole catalogue -> candidates -> judged -> groups in which every pair is supported
standing    pairs and groups as they are kept current, and what people decided about them
"""
