"""The result of a check, and every way of showing it."""
