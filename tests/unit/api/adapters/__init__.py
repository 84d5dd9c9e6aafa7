"""What the adapters compute without a store."""
