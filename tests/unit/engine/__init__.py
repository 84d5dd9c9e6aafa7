"""Mirrors engine/: one module of tests for each module there."""
