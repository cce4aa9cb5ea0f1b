"""An Oracle server for tests, where there is no Oracle: the wire by seerdb's Mirror, the storage by PostgreSQL."""
