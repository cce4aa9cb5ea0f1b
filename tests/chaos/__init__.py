"""Faults on purpose: whatever dies, stalls, fills up or is cut, the destination holds what the source held."""
