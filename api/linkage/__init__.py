"""Linking the records of source systems to one customer each: offline, files in, decisions out."""
