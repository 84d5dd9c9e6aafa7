"""Linkages as a bank runs them, with Splink."""
