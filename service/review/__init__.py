"""What people look at next: predictions by what can be learnt from them, and a sample of those that nobody looks at.

choosing    which of many, one after the other: doubt, weight, and how unlike what was looked at lately
worth       what a prediction is worth to its owner: the number that a fact or spec says
anew        asks about answers anew that a decision has taught
queue       the record store -> candidates -> chosen -> leased to whoever asks
nominating  stored products that somebody wants looked at -> asked about again -> waiting in the queue
sample      how many of the `auto` answers are right, by the sample of them that people looked at
"""
