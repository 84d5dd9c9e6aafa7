"""Merging customers who turn out to be one person, and separating them again."""
