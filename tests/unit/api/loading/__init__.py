"""Loading a bank's files, without a store."""
