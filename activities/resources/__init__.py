"""What activities are given: staging, secrets, notifiers."""
