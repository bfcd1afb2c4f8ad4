"""The map: every product that can be searched as a point of the plane, near to those that it is near to in the space.

layout   vectors -> points: landmarks by t-SNE, everybody else beside the landmarks that are nearest
atlas    the map of the index that answers: drawn once for a snapshot, aside, and kept current with its products
"""
