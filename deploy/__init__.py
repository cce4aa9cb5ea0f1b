"""Starts Sterna: the sterna command and the stack on this machine."""
