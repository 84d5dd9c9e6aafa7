"""Workbooks in real spreadsheet programs."""
