"""Pairs and groups as they stand in the record store: kept current with every change, decided by people, listed."""
