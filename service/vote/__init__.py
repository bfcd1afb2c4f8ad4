"""The vote: who is asked, how much each voice counts, what that speaks for, and how likely each category is then.

search      the nearest labelled products of a question, itself left out
voices      their ridge weights: what neighbours have in common counts once
evidence    voices by category, prototypes, sizes
mixture     evidence -> probability of each category
"""
