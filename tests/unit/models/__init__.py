"""Unit tests of the model: each module alone."""
