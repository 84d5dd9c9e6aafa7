"""Files made to be large, deep or slow to read, and what refusing them takes."""
