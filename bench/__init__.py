"""Benchmarks: `make bench` beside the bare databases and other tools; single comparisons beside it."""
