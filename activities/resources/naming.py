"""What tables and columns are called at the destination."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import InvalidConfiguration
from core.job_spec import TableSpec
from core.schema import Capabilities, TableName


@dataclass(frozen=True)
class Naming:
    """What a job writes is literal. Names carried over that are in the source's folded case take the destination's
    folded case; others stay, quoted. Where the source keeps names as they are typed, lower case is taken for folded,
    because that is how such names are written."""

    source: Capabilities
    destination: Capabilities
    source_default: str = ""
    """Default schema of the source."""
    destination_default: str = ""

    @property
    def keeps_native_text(self) -> bool:
        """Both sides are of one dialect whose own text or bytes travel: then every name stays as it is."""
        return self.source.native_text and self.source.dialect == self.destination.dialect

    def carried(self, name: str) -> str:
        """The name of a column or table that the job does not name."""
        upper = name.upper()
        folded_by_source = upper if self.source.folds == "upper" else name.lower()
        if name != folded_by_source or upper.lower() != name.lower() or self.destination.folds == "none":
            return name
        return upper if self.destination.folds == "upper" else name.lower()

    def source_table(self, spec: TableSpec) -> TableName:
        """The table at the source."""
        schema = self.source_default if spec.source_schema is None else spec.source_schema
        return TableName(schema_name=schema, name=spec.source_table)

    def destination_table(self, spec: TableSpec) -> TableName:
        """The table at the destination."""
        carried = self.carried_table(self.source_table(spec))
        return TableName(
            schema_name=carried.schema_name if spec.destination_schema is None else spec.destination_schema,
            name=spec.destination_table or carried.name,
        )

    def carried_table(self, origin: TableName) -> TableName:
        """A table of the source that the job does not name for the destination: default schema to default schema."""
        return TableName(schema_name=self._carried_schema(origin.schema_name), name=self.carried(origin.name))

    def _carried_schema(self, schema: str) -> str:
        if self.keeps_native_text:
            return schema
        if not self.destination.has_schemas:
            return ""
        return self.destination_default if schema in ("", self.source_default) else self.carried(schema)

    def check_table(self, table: TableName) -> None:
        """Raises InvalidConfiguration for a name that the destination cannot have."""
        if table.schema_name and not self.destination.has_schemas:
            raise InvalidConfiguration(
                f"the destination has no schemas, and {table} names one", remedy="Leave out destinationSchema"
            )
        for part in (table.schema_name, table.name):
            self._check_length(part, f"table {table}", "Name it shorter with destinationSchema and destinationTable")

    def check_columns(self, table: TableName, names: Iterable[str]) -> None:
        """Raises InvalidConfiguration for names that the destination cannot have, or cannot tell from each other."""
        spellings = defaultdict(list)
        for name in names:
            self._check_length(name, f"column {name} of {table}", "Rename it with COLUMN_MAP")
            blind = self.destination.ignores_case != "nothing"
            spellings[name.lower() if blind else name].append(name)
        for same in spellings.values():
            if len(same) > 1:
                raise InvalidConfiguration(
                    f"columns of {table} would share the name {same[0]}: {len(same)} names are the same at the "
                    "destination",
                    remedy="Rename all but one of them with COLUMN_MAP",
                )

    def identity(self, table: TableName) -> tuple[str, str]:
        """Equal for names that are one table at the destination."""
        blind = self.destination.ignores_case == "all"
        return (table.schema_name.lower(), table.name.lower()) if blind else (table.schema_name, table.name)

    def _check_length(self, name: str, what: str, remedy: str) -> None:
        if len(name.encode()) > self.destination.identifier_bytes:
            raise InvalidConfiguration(
                f"the name of {what} is longer than the {self.destination.identifier_bytes} bytes that the "
                "destination takes",
                remedy=remedy,
            )
