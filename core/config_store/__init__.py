"""The config store: jobs, connections, tables and transformations in PostgreSQL."""
