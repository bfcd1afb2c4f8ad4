"""The tags of a product: what its own text names, what its neighbours carry, and which of them hold together. Pure.

words     which known tags a product's own text names, and how plainly
voted     which tags its neighbours carry, weighed by their voices
rules     both to a probability for each tag; thresholds, conflicts
tagger    gives a product its tags by the rules, within their scopes
tagger    gives products their tags by these

wording      what a product says, as phrases
phrases      the phrases of a catalogue, counted
spread       how they lie over the categories
suggestions  those that would make tags and are none yet
"""
