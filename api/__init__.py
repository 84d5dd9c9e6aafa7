"""The imperative shell: HTTP, Redis, the event worker and the command line around the engine."""
