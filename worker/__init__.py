"""The worker process: serves one or more stages."""
