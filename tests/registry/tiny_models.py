"""A model small enough to be published in a test."""

import base64

import torch

from app.nets.generators import Compact
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture, Style
from app.registry.publish import draft

# 8 x 8 pixels of gray.
PREVIEW = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR42mOMYoAAJgaKGAAbfgBq+MZE2wAAAABJRU5ErkJggg=="
)
OPTIONS = {"widths": (4, 8), "blocks": 1, "fine": 4}
STYLES = (
    Style(id="starry_night", title="The Starry Night", preview="previews/starry_night.jpg"),
    Style(id="b", title="B"),
)


def publish_tiny(root, name="tiny", seed=0, styles=STYLES, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Compact(**OPTIONS)
        rows = StyleRows(len(styles), generator.features).requires_grad_(False)
        rows.gamma.normal_(1, 0.3)
        rows.beta.normal_(0, 0.3)
    about = {
        "architecture": Architecture(name="compact", options=OPTIONS),
        "styles": styles,
        "descriptor": "none",
        "recipe": {"steps": 3},
        "metrics": {"seconds": 1.5},
        "extras": {"card.md": b"# tiny\n", "previews/starry_night.jpg": PREVIEW},
    }
    return generator, rows, draft(name, generator, rows, **(about | changes)).write(root)
