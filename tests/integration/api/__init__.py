"""The API: its doors, its settings and the event worker."""
