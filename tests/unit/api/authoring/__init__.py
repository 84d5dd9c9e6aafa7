"""Schemas for editors and the reference page."""
