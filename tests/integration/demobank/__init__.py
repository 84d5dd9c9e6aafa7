"""The demonstration bank as a whole: its files, its figures, its command line."""
