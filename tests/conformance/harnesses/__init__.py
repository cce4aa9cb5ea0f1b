"""How each database is prepared behind its connector's back."""
