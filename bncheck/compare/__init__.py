"""Analytic values against numeric ones, with a verdict."""
