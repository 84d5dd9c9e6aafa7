"""What recorded decisions and outcomes say of experiments and levers; nothing here is on the path of a request."""
