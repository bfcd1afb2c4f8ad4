"""What two products are to each other.

product -> reading (what it says, as marks) -> traits (arrays) -> comparison -> decider -> verdict and evidence

`judging` is the way in. `training` is how a decider learns.
"""
