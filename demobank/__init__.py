"""The demonstration bank: generates its customers, their history and the hidden world that answers offers."""
