"""A blend as the ledger keeps it: rows beside the model's own styles travel with the job, whatever becomes of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from app.engine.row import Row
from app.engine.stylizer import Blend


def packed(blend: Blend) -> dict[str, Any]:
    """JSON: `blend` has the weights by id or name, `rows` the rows by their names in Base64."""
    rows = [style for style in blend if isinstance(style, Row)]
    return {
        "blend": {style.name if isinstance(style, Row) else style: weight for style, weight in blend.items()},
        "rows": {row.name: base64.b64encode(row.to_bytes()).decode() for row in rows},
    }


def unpacked(weights: Mapping[str, float], rows: Mapping[str, str]) -> Blend:
    """The blend again."""
    found = {name: Row.from_bytes(name, base64.b64decode(data)) for name, data in rows.items()}
    return {found.get(name, name): weight for name, weight in weights.items()}
