"""The promises of the product, each proved by a scripted run with real processes: `python -m tests.guarantees`."""
