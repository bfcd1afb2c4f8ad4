"""Duplicates: what two products are to each other, and which of a whole catalogue are the same.

judge    products -> traits -> compared pair by pair -> the decider -> verdict, probability, evidence   [judging]
look up  a product -> its neighbours, and who shares an article number or a picture -> judged
scan     every product with its neighbours -> judged -> groups in which every pair is supported
"""
