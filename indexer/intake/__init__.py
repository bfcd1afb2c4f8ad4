"""From a product as its source wrote it to a change of the record store."""
