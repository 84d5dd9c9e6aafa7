"""Proves the guarantees on random rules, facts and interleavings."""
