"""What browsers get from us: the banner, the demonstration's pages, and the one visual language that they share."""
