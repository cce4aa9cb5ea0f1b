"""A library about databases: one folder each, one contract (base.py), one registry."""
