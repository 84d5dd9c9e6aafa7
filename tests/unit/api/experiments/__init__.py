"""Experiments and levers, judged from records."""
