"""The connector for SQLite files."""
