"""The archive on a real store: nothing lost, nothing twice, and whatever was touched is found."""
