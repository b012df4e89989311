"""Files in and out: matrices, archives and states, and exact errors for what cannot be used."""
