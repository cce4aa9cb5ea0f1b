"""Temporal activities: the stages of a migration, one file each."""
