"""How a changed bundle comes to serve, part by part."""
