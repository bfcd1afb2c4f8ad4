"""What the command line takes and prints: options, progress, cards, tables, trees."""
