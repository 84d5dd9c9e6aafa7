"""The demonstration bank: generated customers, history and the hidden world that answers offers.
A process of its own that shares nothing with the product but files."""
