from __future__ import annotations

import asyncpg
import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.failures import TypedFailures, as_application_error
from connectors.postgres.errors import translated
from connectors.sql.session import DuplicateKey
from core.encryption.field_cipher import FieldCipher
from core.encryption.key_ring import KeyRing

CANARY = "bob@secret.example"
FIELDS = FieldCipher(KeyRing({"first": bytes(32)}))


class Raising(ActivityInboundInterceptor):
    """An activity that fails as the driver would make it fail."""

    def __init__(self, error: Exception, *, translate: bool) -> None:
        self._error = error
        self._translate = translate

    async def execute_activity(self, given: ExecuteActivityInput) -> object:
        if not self._translate:
            raise self._error
        with translated("loading batch 1"):
            raise self._error


def unique_violation() -> asyncpg.PostgresError:
    error = asyncpg.UniqueViolationError('duplicate key value violates unique constraint "users_email_key"')
    error.detail = f"Key (email)=({CANARY}) already exists."
    error.sqlstate = "23505"
    return error


@pytest.mark.parametrize(
    ("error", "translate"),
    [(unique_violation(), True), (ValueError(f"cannot convert {CANARY}"), False), (KeyError(CANARY), False)],
)
async def test_no_value_of_a_row_reaches_the_failure_that_temporal_stores(error: Exception, translate: bool) -> None:
    interceptor = TypedFailures(FIELDS).intercept_activity(Raising(error, translate=translate))
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(interceptor.execute_activity, None)
    stored = Failure()
    pydantic_data_converter.failure_converter.to_failure(
        caught.value, pydantic_data_converter.payload_converter, stored
    )
    assert CANARY not in str(stored)
    assert type(error).__name__ in str(stored) or "users_email_key" in str(stored)


def test_workflows_are_told_the_class_that_they_know_of_a_connectors_own_error() -> None:
    failure = as_application_error(DuplicateKey("the key is there already", code="1062"), FIELDS, "migration/1")
    assert failure.type == "DataRejected"


def test_whoever_has_the_keys_can_read_what_the_server_said() -> None:
    evidence = {"detail": f"Key (email)=({CANARY}) already exists."}
    failure = as_application_error(DuplicateKey("it is there already", evidence=evidence), FIELDS, "migration/1")
    assert CANARY in FIELDS.open(failure.details[1], "migration/1")
