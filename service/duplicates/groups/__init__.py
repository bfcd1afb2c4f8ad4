"""The duplicates of a whole catalogue: candidates -> judged -> groups in which every pair is supported, and families.

`scan` is the way in. `grouping` and `survivor` know nothing of an index.
"""
