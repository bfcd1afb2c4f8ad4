"""CLIP models as open_clip has them: what `encoders/open_clip.py` is made of.

`tags` knows the names, `checkpoint` makes model and tokenizer of files, `sight` is the picture tower with the `frame`
that it sees through, `caption` is the text tower.
"""
