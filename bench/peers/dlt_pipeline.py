"""Run by the interpreter of dlt's own environment: source URL, source schema, backend, destination URL, its schema."""

import sys

import dlt
from dlt.destinations import postgres, sqlalchemy
from dlt.sources.sql_database import sql_table

FOLDER, SOURCE, SCHEMA, BACKEND, DESTINATION, DATASET = sys.argv[1:]
CHUNK_ROWS = 250_000

extra = {"backend_kwargs": {"conn": SOURCE.replace("+pymysql", "")}} if BACKEND == "connectorx" else {}
table = sql_table(
    credentials=SOURCE,
    schema=SCHEMA,
    table="lineitem",
    backend=BACKEND,
    chunk_size=CHUNK_ROWS,
    reflection_level="full_with_precision",
    **extra,
)
to = postgres(credentials=DESTINATION) if DESTINATION.startswith("postgresql") else sqlalchemy(credentials=DESTINATION)
pipeline = dlt.pipeline("bench", destination=to, dataset_name=DATASET, pipelines_dir=FOLDER)
pipeline.run(table, write_disposition="append", loader_file_format="parquet").raise_on_failed_jobs()
