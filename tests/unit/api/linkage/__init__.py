"""Linking records to customers, on small tables."""
