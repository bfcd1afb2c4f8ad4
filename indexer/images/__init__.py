"""From a reference to what is kept of a picture: the step of ingest between a product's text and its encoder.

    reference -> gallery   bytes, from a folder, a zip or (when that is allowed) the web through `fetch`
              -> formats   which of the five formats they are, without metadata
              -> decode    a Picture: pixels for the encoder, thumbnail, perceptual hash (`phash`), or the problem
              -> looking   products in their order with pictures, decoded in threads ahead of the encoder

    lookalikes             perceptual hashes of what is stored, searched by how many bits differ

What comes in is made by strangers. Every step has limits, and whatever is wrong with a picture costs its product that
picture and nothing else: the reason is a value, `Picture.problem`.
"""
