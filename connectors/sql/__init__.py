"""What databases that are reached through SQL and a blocking driver have in common: reading, loading, ledger, proof."""
