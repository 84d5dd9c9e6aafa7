"""Tests of the checks that look at all rules together."""
