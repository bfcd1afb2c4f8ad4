"""Labelling in Label Studio: what people are shown there, and what they said, back into the index as labels.

interface    the labelling interface: one <Taxonomy> of the tree, one <Choices> of the tags
tasks        products as tasks, with what is thought of them as pre-annotations
sources      which products: the most doubted answers, answers, doubted labels, stored products
objects      the objects of a JSON file, one at a time, bounded
tables       the rows of a CSV or TSV
reading      an export of Label Studio, one task at a time, of either
saying       several annotations of one task -> what is said of its product
importing    what is said -> decisions, by the write path of every other decision
"""
