"""The whole stack on this machine: Temporal, PostgreSQL, API and one worker per stage."""
