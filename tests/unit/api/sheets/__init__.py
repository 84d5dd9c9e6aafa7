"""Rules as a workbook and back."""
