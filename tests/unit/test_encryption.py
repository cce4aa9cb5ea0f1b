"""Keys, sealed fields and encrypted files: what is changed, cut short, moved or without its key does not open."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest

from activities.resources.staging import LocalStaging
from core.documents import DocumentStore
from core.encryption.data_keys import DataKeys
from core.encryption.field_cipher import FieldCipher
from core.encryption.frames import FRAME_BYTES, TAG_BYTES, OpeningFile, SealingFile, sealed_bytes
from core.encryption.key_ring import add_key, open_key_ring, parse_keys
from core.errors import Damaged, InvalidConfiguration, SecretMissing, StagedBatchGone
from core.job_spec import JobSpec
from core.withheld import restore, withhold

KEY = bytes(range(32))
NAME = "jobs/j/runs/1/route.json"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    add_key(file)
    return file


def fields(key_file: Path) -> FieldCipher:
    return FieldCipher(open_key_ring(f"file:{key_file}"))


def documents(folder: Path, key_file: Path) -> DocumentStore:
    return DocumentStore(folder, DataKeys(folder, fields(key_file)))


def staging(folder: Path, key_file: Path) -> LocalStaging:
    return LocalStaging(folder / "staging", DataKeys(folder / "documents", fields(key_file)))


def sealed_file(content: bytes) -> bytes:
    file = io.BytesIO()
    sealing = SealingFile(file, KEY, NAME)
    sealing.write(content)
    sealing.finish()
    return file.getvalue()


def opened(sealed: bytes, name: str = NAME) -> bytes:
    return io.BufferedReader(OpeningFile(io.BytesIO(sealed), KEY, name)).read()


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])
def test_a_file_of_any_size_opens_again_and_is_as_long_as_foretold(size: int) -> None:
    content = bytes(size)
    sealed = sealed_file(content)
    assert len(sealed) == sealed_bytes(size)
    assert opened(sealed) == content


def test_a_file_that_was_tampered_with_does_not_open() -> None:
    frame = FRAME_BYTES + TAG_BYTES
    sealed = sealed_file(b"x" * (3 * FRAME_BYTES))
    header = len(sealed) - 3 * frame
    first, second, third = (sealed[header + n * frame : header + (n + 1) * frame] for n in range(3))
    changed = bytearray(sealed)
    changed[header + 5] ^= 1
    for wrong in (
        bytes(changed),
        sealed[:-1],
        sealed[:-frame],
        sealed[:header],
        sealed + b"x",
        sealed[:header] + second + first + third,
        b"{}",
        b"",
    ):
        with pytest.raises(Damaged):
            opened(wrong)
    with pytest.raises(Damaged):
        opened(sealed, "jobs/j/runs/1/other.json")


def test_after_a_rotation_old_and_new_values_open_and_without_the_old_key_the_error_names_it(key_file: Path) -> None:
    old_ring = open_key_ring(f"file:{key_file}")
    token = fields(key_file).seal("Jane Doe", "migration/1")
    add_key(key_file)
    both = fields(key_file)
    assert both.open(token, "migration/1") == "Jane Doe"
    newer = both.seal("Jane Doe", "migration/1")
    assert old_ring.newest not in newer
    key_file.write_text(key_file.read_text().splitlines()[1])
    assert fields(key_file).open(newer, "migration/1") == "Jane Doe"
    with pytest.raises(SecretMissing, match=f"{old_ring.newest}.*STERNA_ENCRYPTION_KEYS"):
        fields(key_file).open(token, "migration/1")


def test_a_sealed_value_opens_only_where_it_belongs(key_file: Path) -> None:
    token = fields(key_file).seal("Jane Doe", "migration/1")
    assert "Jane" not in token
    assert token != fields(key_file).seal("Jane Doe", "migration/1")
    for wrong, place in ((token, "migration/2"), (token[:-6] + "AAAAAA", "migration/1"), (token[:30], "migration/1")):
        with pytest.raises(Damaged):
            fields(key_file).open(wrong, place)


def test_a_key_file_is_its_owners_alone_and_a_process_without_keys_is_told_what_to_do(key_file: Path) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidConfiguration, match=r"STERNA_ENCRYPTION_KEYS is not set.*sterna encryption-keys new"):
        open_key_ring(None)
    with pytest.raises(SecretMissing, match="no-such-file"):
        open_key_ring("file:no-such-file")
    for wrong in ("", "id", "id c2hvcnQ=", f"{key_file.read_text()}{key_file.read_text()}"):
        with pytest.raises(InvalidConfiguration) as refused:
            parse_keys(wrong)
        assert "c2hvcnQ=" not in str(refused.value)


def test_documents_are_encrypted_and_read_by_every_process_with_the_keys(tmp_path: Path, key_file: Path) -> None:
    folder = tmp_path / "documents"
    documents(folder, key_file).write(NAME, "Jane Doe")
    assert b"Jane" not in (folder / NAME).read_bytes()
    assert documents(folder, key_file).read(NAME) == "Jane Doe"
    (folder / NAME).write_text("John Doe")
    with pytest.raises(Damaged, match=NAME):
        documents(folder, key_file).read(NAME)


def test_documents_of_a_job_whose_data_key_is_gone_do_not_open(tmp_path: Path, key_file: Path) -> None:
    documents(tmp_path, key_file).write(NAME, "Jane Doe")
    (tmp_path / "jobs/j/.data-key.json").unlink()
    with pytest.raises(Damaged, match="data key of jobs/j"):
        documents(tmp_path, key_file).read(NAME)


def test_rewrapped_documents_need_the_newest_key_only(tmp_path: Path, key_file: Path) -> None:
    documents(tmp_path, key_file).write(NAME, "Jane Doe")
    add_key(key_file)
    assert DataKeys(tmp_path, fields(key_file)).rewrap() == 1
    assert DataKeys(tmp_path, fields(key_file)).rewrap() == 0
    key_file.write_text(key_file.read_text().splitlines()[1])
    assert documents(tmp_path, key_file).read(NAME) == "Jane Doe"


async def test_staged_batches_are_encrypted_where_they_are_to_be(tmp_path: Path, key_file: Path) -> None:
    written, rows = staging(tmp_path, key_file), pa.record_batch({"name": ["Jane Doe"] * 200_000})
    with written.writing("j/1/t/0.arrow") as staged_rows:
        staged_rows.write_batch(rows)
    with written.writing("j/1/t/0.native") as staged:
        staged.write(b"Jane Doe" * 200_000)
    for file in (tmp_path / "staging").rglob("0.*"):
        assert b"Jane" not in file.read_bytes()
    reading = staging(tmp_path, key_file)
    found = [batch async for batch in reading.read_batches("j/1/t/0.arrow", staged_rows.bytes)]
    assert sum(batch.num_rows for batch in found) == rows.num_rows
    assert b"".join([piece async for piece in reading.read("j/1/t/0.native", staged.bytes)]) == b"Jane Doe" * 200_000


async def test_a_staged_batch_that_was_changed_is_extracted_again(tmp_path: Path, key_file: Path) -> None:
    with staging(tmp_path, key_file).writing("j/1/t/0.native") as staged:
        staged.write(b"Jane Doe")
    file = tmp_path / "staging/j/1/t/0.native"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(StagedBatchGone):
        [piece async for piece in staging(tmp_path, key_file).read("j/1/t/0.native", staged.bytes)]


def test_predicates_and_transformations_of_a_plan_travel_sealed(key_file: Path) -> None:
    table = {
        "sourceTable": "people",
        "whereClause": "name = 'Jane Doe'",
        "transformations": [{"type": "CONSTANT", "column": "name", "value": "Jane Doe"}],
    }
    side = {"type": "POSTGRES", "host": "h", "database": "d"}
    spec = JobSpec.model_validate(
        {"name": "n", "source": side, "destination": side, "tables": [{"sourceTable": "a"}, table]}
    )
    shown, sealed = withhold(spec, fields(key_file), "plan/1")
    assert "Jane" not in shown.model_dump_json()
    assert sealed is not None
    assert restore(shown, sealed, fields(key_file), "plan/1") == spec
