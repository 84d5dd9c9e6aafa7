"""The learning loop on the demonstration bank's hidden world: retrained week after week, and judged by the truth."""
