"""Notices in the config store: each is written down before it is sent and after, so that none is sent twice."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from core.config_store.sessions import Transactions
from core.config_store.tables import MigrationJob, MigrationRun, NoticeDelivery
from core.notices import Delivery, StoredDelivery, Undelivered

SENDING, DELIVERED, FAILED = "SENDING", "DELIVERED", "FAILED"


class Notices(Transactions):
    """The part of the config store about notices."""

    async def begin_delivery(self, delivery: Delivery) -> bool:
        """Writes down that the notice is being sent. False where it was delivered before: then it must not be."""
        notice = delivery.notice
        statement = (
            insert(NoticeDelivery)
            .values(
                key=notice.key,
                channel=delivery.channel,
                job_id=notice.job_id,
                run=notice.run,
                event=notice.event,
                status=SENDING,
                attempts=1,
            )
            .on_conflict_do_update(
                index_elements=["key", "channel"],
                set_={"status": SENDING, "attempts": NoticeDelivery.attempts + 1, "updated_at": func.now()},
                where=NoticeDelivery.status != DELIVERED,
            )
            .returning(NoticeDelivery.attempts)
        )
        async with self.transaction() as session:
            return await session.scalar(statement) is not None

    async def end_delivery(self, delivery: Delivery, *, error: str | None) -> None:
        """Writes down what became of it; None: the channel took it."""
        values = {"status": DELIVERED if error is None else FAILED, "error": error, "updated_at": func.now()}
        statement = update(NoticeDelivery).where(
            NoticeDelivery.key == delivery.notice.key, NoticeDelivery.channel == delivery.channel
        )
        async with self.transaction() as session:
            await session.execute(statement.values(**values))

    async def deliveries(self, job_id: str) -> list[StoredDelivery]:
        """A job's notices on each of their channels, oldest first."""
        query = (
            select(NoticeDelivery)
            .where(NoticeDelivery.job_id == job_id)
            .order_by(NoticeDelivery.created_at, NoticeDelivery.key, NoticeDelivery.channel)
        )
        async with self.transaction() as session:
            return [_read(row) for row in await session.scalars(query)]

    async def add_attention(self, given: Undelivered) -> None:
        """Puts a notice that was given up beside what the run's and the job's attention say. Idempotent."""
        async with self.transaction() as session:
            run = await session.get(MigrationRun, (given.job_id, given.run), with_for_update=True)
            if run is None:
                return
            run.attention = _with(run.attention, given.message)
            job = await session.get(MigrationJob, given.job_id)
            if job is not None and job.current_run == given.run:
                job.attention = _with(job.attention, given.message)


def _with(attention: str | None, message: str) -> str:
    return attention if attention and message in attention else "; ".join(filter(None, (attention, message)))


def _read(row: NoticeDelivery) -> StoredDelivery:
    return StoredDelivery.model_validate(row, from_attributes=True)
