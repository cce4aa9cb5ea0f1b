"""Documents: routes, plans, evidence, certificates. Written once under a name, read by reference."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from core.errors import NotFound

REFERENCE = re.compile(r"^[\w.-]+(/[\w.-]+)*$")


def job_folder(job_id: str) -> str:
    """Below it lie all documents of one job."""
    return f"jobs/{job_id}"


def run_folder(job_id: str, run: int) -> str:
    """Below it lie all documents of one run."""
    return f"{job_folder(job_id)}/runs/{run}"


def table_folder(job_id: str, run: int, table_id: str) -> str:
    """Below it lie all documents of one table of one run."""
    return f"{run_folder(job_id, run)}/tables/{table_id}"


def progress_document(job_id: str, run: int) -> str:
    """The last progress of a run."""
    return f"{run_folder(job_id, run)}/progress.json"


def not_carried_document(job_id: str, run: int) -> str:
    """What the run leaves behind at the source."""
    return f"{run_folder(job_id, run)}/not-carried.json"


def evidence_document(job_id: str, run: int, table_id: str) -> str:
    """A table's part of the certificate."""
    return f"{table_folder(job_id, run, table_id)}/evidence.json"


def proof_document(job_id: str, run: int, table_id: str) -> str:
    """What a table that has rejects, or may get some, was proved to hold, to go on from when rows come or go."""
    return f"{table_folder(job_id, run, table_id)}/proof.json"


def certificate_document(job_id: str, run: int) -> str:
    """The proof of a run."""
    return f"{run_folder(job_id, run)}/certificate.json"


class DocumentStore:
    """JSON documents in a folder that every worker and the API can reach.

    A document appears whole or not at all (written aside, then renamed). Writing the same name again replaces it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, reference: str, text: str) -> str:
        """Stores `text` under `reference` (a relative path with forward slashes) and returns the reference."""
        path = self.path(reference)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
        return reference

    def write_json(self, reference: str, value: Any) -> str:
        """Stores a JSON value, indented for people."""
        return self.write(reference, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def read(self, reference: str) -> str:
        """The document's text. Raises NotFound."""
        try:
            return self.path(reference).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise NotFound(
                f"document {reference} is not in the document store",
                remedy="Point STERNA_DOCUMENTS of every process at the same folder",
            ) from error

    def names(self, reference: str) -> list[str]:
        """What lies directly below a prefix; nothing where there is nothing."""
        try:
            return [path.name for path in self.path(reference).iterdir() if not path.name.startswith(".")]
        except FileNotFoundError:
            return []

    def delete(self, reference: str) -> None:
        """Removes a document, or everything below a prefix; nothing there is fine."""
        path = self.path(reference)
        if path.is_file():
            path.unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)

    def path(self, reference: str) -> Path:
        """The file of a document, for printing to people and for streaming."""
        if not REFERENCE.match(reference) or ".." in reference.split("/"):
            raise NotFound(f"'{reference}' is not the reference of a document")
        return self._folder / reference
