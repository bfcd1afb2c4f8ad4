"""What foreign categories mean, learnt from the products that carry them.

ballots    votes about each foreign category, by node
meaning    from the votes about one, and its name, to a node and a decision
learning   who votes: stored products and those of a source, by their labels, else by what the index answers
known      what a service answers from
"""
