"""Delimited text: its lines, its header, its numbers."""
