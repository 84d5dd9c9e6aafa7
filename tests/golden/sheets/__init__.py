"""Workbooks as text: every sheet, column and cell."""
