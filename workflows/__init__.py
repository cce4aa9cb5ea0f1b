"""Temporal workflows: what happens in which order, and nothing else."""
