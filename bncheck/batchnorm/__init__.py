"""BatchNorm1d, and the table of its quantities."""
