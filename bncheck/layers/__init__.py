"""Everybody's layer behind one interface."""
