"""What this installation knows: connectors and transformations, with the JSON Schemas of their options."""

from __future__ import annotations

from fastapi import APIRouter

from activities.transformations.registry import schemas
from api.schemas import ConnectorList, ConnectorView, TransformationList, TransformationView
from connectors.registry import ConnectorType, connector_types
from core.errors import InvalidConfiguration
from core.schema import Capabilities

router = APIRouter(prefix="/api", tags=["catalog"])


@router.get("/connectors")
def list_connectors() -> ConnectorList:
    """Connector types with what they can do and the fields that they take."""
    return ConnectorList(connectors=[_connector_view(known) for _, known in sorted(connector_types().items())])


@router.get("/transformations")
def list_transformations() -> TransformationList:
    """Transformation types with the fields that they take."""
    return TransformationList(
        transformations=[
            TransformationView(
                type=name,
                description=published["description"],
                options_schema=published["schema"],
                functions=published.get("functions"),
            )
            for name, published in schemas().items()
        ]
    )


def _connector_view(known: ConnectorType) -> ConnectorView:
    capabilities, reason = _capabilities(known)
    return ConnectorView(
        type=known.name,
        capabilities=capabilities,
        reason=reason,
        options_schema=known.options_class().model_json_schema(),
    )


def _capabilities(known: ConnectorType) -> tuple[Capabilities | None, str | None]:
    try:
        return known.connector_class().capabilities, None
    except InvalidConfiguration as error:
        return None, str(error)
