"""Training, storing and loading whole models."""
