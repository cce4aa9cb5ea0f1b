"""A server that speaks Snowflake's protocol: fakesnow on DuckDB, with what it lacks of Snowflake."""
