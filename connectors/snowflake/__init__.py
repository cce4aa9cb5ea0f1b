"""The connector for Snowflake."""
