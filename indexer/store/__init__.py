"""The record store: SQL tables, products, labels, raw vectors and the journal."""
