"""What a model learns of recorded decisions; nothing here is on the path of a request."""
