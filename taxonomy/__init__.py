"""The category tree and the tag words. Pure: standard library and numpy."""
