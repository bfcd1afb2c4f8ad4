"""What two products are to each other.

product -> traits (what it says, as marks) -> comparison (features of a pair) -> decider -> verdict and evidence

`judging` is the way in. `training` is how a decider learns.
"""
