"""Rules and models taken up while real processes serve."""
