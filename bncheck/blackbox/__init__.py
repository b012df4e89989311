"""The layer's own forward, differentiated without looking inside."""
