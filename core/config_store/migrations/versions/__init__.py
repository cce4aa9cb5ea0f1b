"""Revisions of the config store's schema, oldest first by name."""
