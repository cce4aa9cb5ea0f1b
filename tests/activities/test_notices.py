"""Each channel against a real listener: what arrives, once, and what is said where nothing can."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.notify import NotifyActivities
from activities.resources.notifiers import Notifiers
from activities.resources.vault import Vault
from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.errors import AccessDenied, InvalidConfiguration, MigrationError, Unavailable
from core.job_spec import JobStatus
from core.notice_channels import NoticeChannels
from core.notices import Delivery, Notice
from core.notify_spec import NoticeEvent
from deploy.local.postgres_server import PostgresServer, free_port
from tests.certificates import Authority
from tests.conftest import NewDatabase
from tests.notice_listeners import PASSWORD, USER, HttpServer, MailServer, http_server, mail_server
from worker.parts import known_secrets

SIGNING_KEY = b"0123456789abcdef0123456789abcdef"
SLACK_PATH = "/services/T0/B0/very-secret-part"


@dataclass
class Place:
    """Listeners, a channels file for them, and what sends to them."""

    folder: Path
    authority: Authority
    mail: MailServer
    implicit: MailServer
    http: HttpServer

    @property
    def file(self) -> Path:
        return self.folder / "channels.toml"

    def secret(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return f"file:{self.folder / name}"

    def mail_channel(self, port: int, **changes: str) -> str:
        login = self.secret("login", f'{{"username": "{USER}", "password": "{PASSWORD}"}}')
        given = {
            "host": "127.0.0.1",
            "sender": "sterna@example.com",
            "login": login,
            "caFile": str(self.authority.file),
            "security": "starttls",
            **changes,
        }
        to = given.pop("to", "dba@example.com")
        lines = "\n".join(f"{name} = {value!r}" for name, value in given.items() if value)
        return f"type = 'email'\nport = {port}\nto = ['{to}']\n{lines}\n"

    def configure(self, **channels: str) -> Notifiers:
        self.file.write_text("\n".join(f"[{name}]\n{text}" for name, text in channels.items()))
        return Notifiers(NoticeChannels(self.file), known_secrets(Vault()), "https://sterna.example.com/")


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("listeners")
    authority = Authority(folder)
    context = authority.server_context("127.0.0.1")
    with mail_server(context) as mail, mail_server(context, implicit=True) as implicit, http_server() as http:
        yield Place(folder, authority, mail, implicit, http)


@pytest.fixture
def place(listeners: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The listeners, which have heard nothing yet."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for heard in (listeners.mail.mails, listeners.implicit.mails, listeners.http.posts, listeners.http.answers):
        heard.clear()
    return listeners


@pytest.fixture(scope="module")
async def store(postgres: PostgresServer, new_database: NewDatabase) -> AsyncIterator[ConfigStore]:
    url = f"postgresql+asyncpg://{postgres.user}@127.0.0.1:{postgres.port}/{new_database()}"
    store = ConfigStore(open_engine(url))
    await store.upgrade()
    yield store
    await store.close()


def notice(event: NoticeEvent = NoticeEvent.PARKED, **changes: object) -> Notice:
    given: dict[str, object] = {
        "key": f"{uuid4()}/1/execution/{event.value}-1",
        "event": event,
        "job_id": str(uuid4()),
        "job_name": "Customers & <!channel> orders\r\nBcc: everybody@example.com",
        "run": 2,
        "status": JobStatus.ACTIVE,
        "headline": "7 tables parked, retry when mended",
        "reasons": [f"shop.t{number} → shop.t{number}: the disk is full" for number in range(7)],
        "tables": 9,
        "tables_completed": 2,
        "rows": 1_234_567,
        "rejected": 3,
        "happened_at": datetime(2026, 11, 28, 12, 0, tzinfo=UTC),
        **changes,
    }
    return Notice.model_validate(given)


@pytest.mark.parametrize("event", list(NoticeEvent))
async def test_mail_arrives_over_starttls_and_a_name_cannot_forge_a_header(place: Place, event: NoticeEvent) -> None:
    told = notice(event)
    await place.configure(ops=place.mail_channel(place.mail.port)).send(told, "ops")
    [mail] = place.mail.mails
    assert mail["To"] == "dba@example.com"
    assert mail["Bcc"] is None
    assert str(mail["Subject"]).startswith(
        "[Sterna] Customers & <!channel> orders Bcc: everybody@example.com: 7 tables"
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Sterna-Event"] == event.value
    text = mail.get_content()
    assert "- shop.t4 → shop.t4: the disk is full" in text
    assert "and 2 more" in text
    assert "shop.t5" not in text
    assert "1,234,567 moved, 3 rejected" in text
    assert f"https://sterna.example.com/api/jobs/{told.job_id}" in text


async def test_mail_arrives_over_tls_with_the_channels_own_words(place: Place) -> None:
    channel = place.mail_channel(place.implicit.port, security="tls", subject="$status: $job_id", text="$$ $headline")
    told = notice()
    await place.configure(ops=channel).send(told, "ops")
    [mail] = place.implicit.mails
    assert mail["Subject"] == f"ACTIVE: {told.job_id}"
    assert mail.get_content().splitlines() == ["$ 7 tables parked, retry when mended"]


async def test_slack_gets_text_and_blocks_in_which_a_name_mentions_nobody(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    channel = f"type = 'slack'\nwebhook = '{place.secret('slack', place.http.url + SLACK_PATH)}'"
    with caplog.at_level(logging.WARNING):
        await place.configure(team=channel).send(notice(), "team")
    [post] = place.http.posts
    assert post.path == SLACK_PATH
    assert post.json["text"].startswith("[Sterna] Customers &amp; &lt;!channel&gt; orders")
    kinds = [(block["type"], block["text"]["type"]) for block in post.json["blocks"]]
    assert kinds == [("section", "mrkdwn")] * 2
    assert "<!channel>" not in post.body.decode()
    assert "shop.t4: the disk is full" in post.json["blocks"][1]["text"]["text"]


@pytest.mark.parametrize("prefixed", [True, False])
async def test_a_webhook_is_signed_over_id_time_and_body(place: Place, prefixed: bool) -> None:
    text = f"whsec_{base64.b64encode(SIGNING_KEY).decode()}" if prefixed else SIGNING_KEY.decode()
    channel = f"type = 'webhook'\nurl = '{place.http.url}/hook'\nsigningSecret = '{place.secret('key', text)}'"
    told = notice(NoticeEvent.FAILED)
    await place.configure(pager=channel).send(told, "pager")
    [post] = place.http.posts
    signed = f"{told.key}.{post.headers['webhook-timestamp']}.".encode() + post.body
    expected = base64.b64encode(hmac.new(SIGNING_KEY, signed, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{expected}"
    assert post.headers["webhook-id"] == told.key
    assert abs(int(post.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 300
    assert post.json["type"] == "migration.failed"
    assert post.json["data"]["jobId"] == told.job_id
    assert post.json["data"]["reasons"][5:] == ["and 2 more"]


WRONG_MAIL: list[tuple[dict[str, str], type[MigrationError], str]] = [
    ({"caFile": ""}, InvalidConfiguration, "caFile"),
    ({"host": "localhost"}, InvalidConfiguration, "name that the certificate has"),
    ({"security": "tls"}, InvalidConfiguration, "587 with starttls"),
    ({"host": "no-such-host.invalid"}, Unavailable, "its name is not known"),
    ({"to": "nobody@example.com"}, InvalidConfiguration, "refuses every recipient"),
    ({"login": "wrong"}, AccessDenied, "Correct the secret"),
]


@pytest.mark.parametrize(("changes", "kind", "remedy"), WRONG_MAIL)
async def test_what_is_wrong_with_a_mail_channel_is_said_with_its_remedy(
    place: Place, changes: dict[str, str], kind: type[MigrationError], remedy: str
) -> None:
    if "login" in changes:
        changes = {"login": place.secret("wrong", '{"username": "sterna", "password": "wrong-password-9"}')}
    with pytest.raises(kind, match="channel ops") as found:
        await place.configure(ops=place.mail_channel(place.mail.port, **changes)).send(notice(), "ops")
    assert remedy in str(found.value)
    assert "password-" not in str(found.value)
    assert place.mail.mails == []


async def test_a_port_where_nobody_listens_is_named(place: Place) -> None:
    port = free_port()
    with pytest.raises(Unavailable, match=f"channel ops .mail server 127.0.0.1:{port}.*host and port"):
        await place.configure(ops=place.mail_channel(port)).send(notice(), "ops")


@pytest.mark.parametrize(("status", "kind"), [(503, Unavailable), (429, Unavailable), (404, InvalidConfiguration)])
async def test_an_answer_that_time_mends_is_told_from_one_that_it_does_not(
    place: Place, status: int, kind: type[MigrationError]
) -> None:
    place.http.answers = [status]
    channel = f"type = 'slack'\nwebhook = '{place.secret('slack', place.http.url + SLACK_PATH)}'"
    with pytest.raises(kind, match=str(status)) as found:
        await place.configure(team=channel).send(notice(), "team")
    assert "very-secret-part" not in str(found.value)


async def test_redirects_are_not_followed(place: Place) -> None:
    place.http.answers = [307]
    channel = f"type = 'webhook'\nurl = '{place.http.url}/hook'\nsigningSecret = '{place.secret('key', 'k')}'"
    with pytest.raises(InvalidConfiguration, match="307"):
        await place.configure(pager=channel).send(notice(), "pager")
    assert len(place.http.posts) == 1


WRONG_FILES = [
    ("[ops]\ntype = 'email'\nhost = 'm'\nsender = 'a@b'\nto = ['x']", "ops.to.0"),
    (
        "[ops]\ntype = 'email'\nhost = 'm'\nsender = 'a@b'\nto = ['c@d']\nlogin = 'env:X'\nsecurity = 'none'",
        "in the clear",
    ),
    ("[ops]\ntype = 'email'\nhost = 'm'\nsender = 'a@b'\nto = ['c@d']\ntext = '$rowvalues'", r"\$rowvalues"),
    ("[team]\ntype = 'slack'\nwebhook = 'https://hooks.slack.com/services/very-secret-part'", "lets anybody post"),
    ("[pager]\ntype = 'webhook'\nurl = 'http://example.com/very-secret-part'\nsigningSecret = 'env:X'", "https://"),
    ("[pager\n", "no TOML"),
]


@pytest.mark.parametrize(("text", "told"), WRONG_FILES)
def test_a_wrong_file_of_channels_is_refused_without_repeating_it(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "channels.toml"
    file.write_text(text)
    with pytest.raises(InvalidConfiguration, match=told) as found:
        NoticeChannels(file).read()
    assert "very-secret-part" not in str(found.value)


async def test_a_notice_is_sent_again_after_a_refusal_and_never_after_it_was_taken(
    place: Place, store: ConfigStore
) -> None:
    place.mail.refuse = 1
    notify = NotifyActivities(store, place.configure(ops=place.mail_channel(place.mail.port)))
    given = Delivery(notice=notice(), channel="ops")
    attempt = ActivityEnvironment().run
    with pytest.raises(Unavailable, match="SMTP 451"):
        await attempt(notify.deliver_notice, given)
    [refused] = await store.deliveries(given.notice.job_id)
    assert (refused.status, refused.attempts) == ("FAILED", 1)
    assert "SMTP 451" in (refused.error or "")
    assert await attempt(notify.deliver_notice, given) is True
    assert await attempt(notify.deliver_notice, given) is False
    [mail] = place.mail.mails
    [delivered] = await store.deliveries(given.notice.job_id)
    assert (delivered.status, delivered.attempts, delivered.error) == ("DELIVERED", 2, None)
    assert mail["Message-ID"].endswith("@example.com>")


async def test_an_attempt_that_dies_before_its_record_is_repeated_under_the_same_message_id(
    place: Place, store: ConfigStore
) -> None:
    notifiers = place.configure(ops=place.mail_channel(place.mail.port))
    given = Delivery(notice=notice(), channel="ops")
    assert await store.begin_delivery(given)
    await notifiers.send(given.notice, given.channel)
    assert await ActivityEnvironment().run(NotifyActivities(store, notifiers).deliver_notice, given) is True
    assert len({mail["Message-ID"] for mail in place.mail.mails}) == 1
