"""Encryption of values: in fields that travel through Temporal, in documents and in staging."""
