"""Merging customers and separating them again, without a server."""
