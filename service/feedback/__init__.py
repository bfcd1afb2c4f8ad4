"""Answers that are kept, what people say of them, and what that says of the answers.

keeping    Answer -> Prediction [kept] -> a bounded queue -> the record store, by one writer in the background
deciding   a prediction and what a person says of it -> a label by its product, recorded as a decision
listed     decisions that somebody lists in a table, carried out row by row
tally      what became of decisions that came from a file, here and of Label Studio
figures    how often answers were accepted and overruled: by category, confidence, supplier and day
"""
