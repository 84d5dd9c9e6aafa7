"""Loading a bank's files: CSV or Parquet and a mapping become customer records; what does not fit is reported.

Rows flow through it in order: `tables` reads them, `uses` and `cells` judge and convert them, `intake` stages them,
`assembly` puts customers together, `loader` writes them.
"""
