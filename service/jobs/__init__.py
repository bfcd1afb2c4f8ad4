"""Bulk jobs: a file that was uploaded, answered row by row beside live traffic, and resumed where it was left."""
