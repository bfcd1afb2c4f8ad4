"""Built indexes on disk: written, known again, published, and one build at a time."""
