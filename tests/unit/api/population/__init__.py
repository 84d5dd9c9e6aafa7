"""Populations and funnels."""
