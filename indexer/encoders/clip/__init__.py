"""CLIP models as open_clip has them: what `encoders/open_clip.py` is made of.

`tags` knows the names, `checkpoint` makes model and tokenizer from files, `frame` makes of pixels what the image tower
reads, `caption` is the text tower.
"""
