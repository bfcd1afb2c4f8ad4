"""What is taken out of an index and put back: exports, backups, earlier moments."""
