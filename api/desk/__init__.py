"""What screens for staff are built on: who the customer is, what is new of them, and what to offer, in plain words."""
