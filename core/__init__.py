"""What two processes must agree on: models, schema, errors, settings, documents, config store."""
