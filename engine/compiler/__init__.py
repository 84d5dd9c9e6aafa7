"""From rule files to a plan: parse, read, check, generate."""
