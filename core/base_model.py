"""The two bases of all plain data: what processes tell each other, and what people send."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Base of all models that cross a process boundary: camelCase in JSON. Unknown fields are passed over, so that
    workers of two versions understand each other's payloads and documents."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )


class Request(Model):
    """Base of what people send: a field that has no effect is a mistake, and refused."""

    model_config = ConfigDict(extra="forbid")
