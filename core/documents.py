"""Documents: routes, plans, evidence, certificates. Written once under a name, read by reference."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from core.encryption.data_keys import DataKeys
from core.encryption.frames import FRAME_BYTES, OpeningFile, SealingFile
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
    """Documents in a folder that every worker and the API can reach, encrypted by their job's data key.

    A document appears whole or not at all (written aside, then renamed). Writing the same name again replaces it.
    """

    def __init__(self, folder: Path, keys: DataKeys | None = None) -> None:
        """`keys` None: documents are not encrypted, and those that are cannot be read."""
        self._folder = folder
        self._keys = keys

    def write(self, reference: str, text: str) -> str:
        """Stores `text` under `reference` (a relative path with forward slashes) and returns the reference."""
        path = self._path(reference)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with aside.open("wb") as file:
                self._put(file, text.encode(), reference)
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
        return reference

    def write_json(self, reference: str, value: Any) -> str:
        """Stores a JSON value, indented for people."""
        return self.write(reference, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def read(self, reference: str) -> str:
        """The document's text. Raises NotFound, Damaged, and SecretMissing where its key is gone."""
        with self.opened(reference) as file:
            return file.read().decode()

    @contextmanager
    def opened(self, reference: str) -> Iterator[IO[bytes]]:
        """The document as a file, read in pieces. Raises as `read`; reading raises Damaged."""
        try:
            file: IO[bytes] = self._path(reference).open("rb")
        except FileNotFoundError as error:
            raise NotFound(
                f"document {reference} is not in the document store",
                remedy="Point STERNA_DOCUMENTS of every process at the same folder",
            ) from error
        with file:
            if self._keys is None:
                yield file
            else:
                key = self._keys.key_to_read(_scope(reference))
                yield io.BufferedReader(OpeningFile(file, key, reference), FRAME_BYTES)

    def exists(self, reference: str) -> bool:
        """Whether there is such a document."""
        return self._path(reference).is_file()

    def names(self, reference: str) -> list[str]:
        """What lies directly below a prefix; nothing where there is nothing."""
        try:
            return [path.name for path in self._path(reference).iterdir() if not path.name.startswith(".")]
        except FileNotFoundError:
            return []

    def delete(self, reference: str) -> None:
        """Removes a document, or everything below a prefix; nothing there is fine."""
        path = self._path(reference)
        if path.is_file():
            path.unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)

    def _put(self, file: IO[bytes], content: bytes, reference: str) -> None:
        if self._keys is None:
            file.write(content)
            return
        sealing = SealingFile(file, self._keys.key_to_write(_scope(reference)), reference)
        sealing.write(content)
        sealing.finish()

    def _path(self, reference: str) -> Path:
        if not REFERENCE.match(reference) or ".." in reference.split("/"):
            raise NotFound(f"'{reference}' is not the reference of a document")
        return self._folder / reference


def _scope(reference: str) -> str:
    """Whose data key encrypts it: the job's, or that of the folder (`plans`)."""
    parts = reference.split("/")
    return "/".join(parts[:2]) if parts[0] == "jobs" else parts[0]
