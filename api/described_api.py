"""The application's description of itself (OpenAPI), which clients are made from: it says what really comes."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.problems import MEDIA_TYPE


class DescribedApi(FastAPI):
    """FastAPI takes every model for plain JSON; errors are problem documents."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        made = self.openapi_schema
        document = super().openapi()
        if document is not made:
            _correct_media_types(document)
        return document


def _correct_media_types(document: dict[str, Any]) -> None:
    for path in document.get("paths", {}).values():
        for operation in path.values():
            for status, answer in operation.get("responses", {}).items():
                content = answer.get("content", {})
                if not status.startswith("2") and "application/json" in content:
                    content[MEDIA_TYPE] = content.pop("application/json")
