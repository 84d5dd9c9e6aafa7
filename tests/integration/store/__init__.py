"""The store as a process of its own: started, shared, stopped, killed and paused."""
