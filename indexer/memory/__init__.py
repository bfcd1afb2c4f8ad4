"""What an index holds in memory of its products, and how searches and changes share it."""
