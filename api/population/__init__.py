"""Whole populations of customers, one by one: where they come from, and where actions end for them."""
