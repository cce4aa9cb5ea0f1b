"""What only the service's own configuration can tell of a job's notices: whether the channels exist."""

from __future__ import annotations

from api.field_errors import FieldError
from api.problems import invalid_fields
from core.errors import InvalidConfiguration
from core.job_spec import JobSpec
from core.notice_channels import NoticeChannels
from core.settings import Settings


def check_channels(spec: JobSpec, settings: Settings) -> None:
    """Raises a Problem with every channel that is not configured, with status 422."""
    if not spec.options.notify:
        return
    channels = NoticeChannels(settings.notice_channels)
    try:
        known = channels.read()
    except InvalidConfiguration as error:
        raise invalid_fields(
            [FieldError(field="options.notify", message=error.message, remedy=error.remedy)]
        ) from error
    wrong = [
        FieldError(field=f"options.notify[{number}].channel", message="is no channel of this service", remedy=remedy)
        for number, asked in enumerate(spec.options.notify)
        if asked.channel not in known and (remedy := channels.known(known))
    ]
    if wrong:
        raise invalid_fields(wrong)
