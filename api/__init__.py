"""The REST service and the client commands."""
