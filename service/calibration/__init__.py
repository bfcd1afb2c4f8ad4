"""How far an answer can be believed, learnt from the index itself: each stored product is asked about without itself.

leave_one_out   stored products as questions, near-copies and what their own labels taught left out
learning        asks them, tries the settings of the vote, and learns
calibrate       mixture, reliability and curves as one value, kept in the snapshot and applied to every question
reliability     mass of a branch -> how often such a branch is right
tagging         asks products with tags in the same way, and learns the rules of the tags
dial            precision asked for -> probability from which an answer is given
"""
