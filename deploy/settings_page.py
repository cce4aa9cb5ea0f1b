"""Writes the table of docs/settings.md from the settings class: `python -m deploy.settings_page` (make settings)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.settings_check import variable

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
BEGIN, END = "<!-- settings: begin, written by make settings -->", "<!-- settings: end -->"


def render() -> str:
    """The table."""
    properties = Settings.model_json_schema()["properties"]
    rows = [
        f"| `{variable(name)}` | {_default(name)} | {_meaning(properties[name])} |" for name in Settings.model_fields
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def renewed(page: str) -> str:
    """The page with the table of now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{render()}\n{END}{after}"


def _default(name: str) -> str:
    value: Any = Settings.model_fields[name].get_default(call_default_factory=True, validated_data={})
    if value is None or value in ("", [], {}):
        return "–"
    return f"`{json.dumps(value) if isinstance(value, list) else value}`"


def _meaning(described: dict[str, Any]) -> str:
    text = " ".join(str(described.get("description", "")).split()).replace("|", "\\|")
    if "enum" in described:
        return f"{text} One of {', '.join(f'`{word}`' for word in described['enum'])}."
    least, most = described.get("minimum"), described.get("maximum")
    if least is None or "default" not in described:
        return text
    return f"{text} {f'{least:g} to {most:g}' if most is not None else f'At least {least:g}'}."


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
