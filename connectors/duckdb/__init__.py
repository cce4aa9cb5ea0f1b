"""The connector for DuckDB files."""
