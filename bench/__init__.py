"""Benchmarks: ratios within one run, never timed assertions."""
