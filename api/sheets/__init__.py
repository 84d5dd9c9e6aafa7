"""Rules as a workbook: a folder of rule files becomes sheets of cells, and edited cells go back into the same text.

Nothing here decides what rules mean. Cells are views of places in rule files; what is not edited is not touched.
"""
