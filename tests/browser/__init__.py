"""Proves the pages in a real browser."""
