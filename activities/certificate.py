"""Certificate: the proof at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import activity

from core.models import CertificateInput, CertificateResult
from core.route import endpoints

if TYPE_CHECKING:
    from activities.resources.connections import Connections
    from activities.resources.evidence import Evidence
    from core.config_store.store import ConfigStore


class CertificateActivities:
    """Served by `sterna-control` workers."""

    def __init__(self, store: ConfigStore, evidence: Evidence, connections: Connections) -> None:
        self._store = store
        self._evidence = evidence
        self._connections = connections

    @activity.defn
    async def write_certificate(self, given: CertificateInput) -> CertificateResult:
        """Gathers the tables' evidence into one document. Idempotent."""
        spec = (await self._store.get_job(given.job_id)).spec
        settings: dict[str, object] = {
            endpoint.side: self._connections.session_settings(endpoint) for endpoint in endpoints(spec)
        }
        reference, proved = self._evidence.write_certificate(given, spec, settings)
        return CertificateResult(reference=reference, proved=proved)
