"""Questions asked of the index: category, tags, neighbours, duplicates."""
