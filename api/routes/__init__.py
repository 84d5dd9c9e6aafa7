"""The HTTP doors, one file a subject: each turns bytes into a question to the shell and its answer into bytes."""
