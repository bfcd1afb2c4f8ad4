"""The commands, one file for what they are about; `service/cli.py` puts them together.

indexes      build, calibrate, info: make an index and look at it
changing     add, remove, sync: change one that is there
answers      classify, similar, serve: ask it
evaluating   evaluate: measure it
taxonomies   taxonomy import, show, infer
mapping      taxonomy map
tagging      tags suggest
"""
