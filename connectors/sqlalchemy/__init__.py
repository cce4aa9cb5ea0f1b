"""The connector for any database that SQLAlchemy knows."""
