"""What helps people who write rule files: schemas for their editors and the reference page."""
