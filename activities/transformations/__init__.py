"""Transformations of rows between extract and load."""
