"""The canonical digest, computed by the server over its own rows: what connectors/canonical.py does, in SQL."""

from __future__ import annotations

from connectors.contract import CANONICAL_DIGEST, DigestMethod
from connectors.sql import query
from connectors.sql.dialect import SqlDialect
from connectors.sql.query import ReadColumn

NO_HASH = 10**40
"""More than the hashes of 2^64 rows come to."""
IN_SERVER = frozenset(["text", "decimal"])
"""Forms that SQL gives; bits of floats and documents are for the client."""


def digest_query(dialect: SqlDialect, source: str, proof: DigestMethod) -> str | None:
    """Rows and the sum of their hashes; None where a column's form is not for the server.

    A row whose text is longer than max_allowed_packet has no hash: then the sum is `NO_HASH` or more.
    """
    if proof.algorithm != CANONICAL_DIGEST or any(column.form not in IN_SERVER for column in proof.columns):
        return None
    columns = query.proved_columns(proof)
    pieces = ", ".join(_piece(dialect, read, column.form) for read, column in zip(columns, proof.columns, strict=True))
    # CONV gives text: without the CAST the sum would be a DOUBLE
    row_hash = f"CAST(CONV(SUBSTR(MD5(CONCAT({pieces})), 18, 15), 16, 10) AS UNSIGNED)"
    return f"SELECT COUNT(*), COALESCE(SUM(COALESCE({row_hash}, {NO_HASH})), 0) FROM {source}"


def _piece(dialect: SqlDialect, column: ReadColumn, form: str) -> str:
    """Length in bytes, `:` and the value; `~` for NULL, which is looked for in the column itself, because a text that
    is too long is NULL as well."""
    raw = dialect.reference(column.name)
    text = dialect.read_expression(raw, column.value, column.native)
    if form == "decimal":
        text = _decimal(text)
    return f"IF({raw} IS NULL, '~', CONCAT(LENGTH({text}), ':', {text}))"


def _decimal(text: str) -> str:
    """Without zeros at the end of a fraction. The server prints neither exponents nor -0."""
    trimmed = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))"
    return f"IF(LOCATE('.', {text}) > 0, {trimmed}, CONCAT({text}))"
