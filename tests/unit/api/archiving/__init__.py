"""The archive's parts on their own."""
