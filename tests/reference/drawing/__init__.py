"""Draws whole small banks as rule files, with people who ask them something: every construct, near its edges."""
