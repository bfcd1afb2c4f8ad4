"""From product to searchable vector: read, clean, encode, keep, search, update."""
