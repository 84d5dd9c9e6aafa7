"""Public data as banks: rules, mappings, and what it takes to bring a file into the product's form."""
