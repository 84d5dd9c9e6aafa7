"""The archive: every decision with every factor, outcomes and consents, in daily Parquet files under a hash chain."""
