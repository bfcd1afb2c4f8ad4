"""Upkeep: groups of duplicates and suspected labels kept current while the journal grows."""
