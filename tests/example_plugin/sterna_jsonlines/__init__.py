"""Folders of JSON lines as a database for Sterna."""
