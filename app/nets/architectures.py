"""The generators by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from app.nets.generators import Compact, Generator, Johnson, Paper
from app.nets.norm import NormName
from app.nets.texture import Texture, Ulyanov

ArchitectureName = Literal["compact", "johnson", "paper", "texture", "ulyanov"]

ARCHITECTURES: dict[ArchitectureName, Callable[..., Generator]] = {
    "compact": Compact,
    "johnson": Johnson,
    "paper": Paper,
    "texture": Texture,
    "ulyanov": Ulyanov,
}


def check_styles(generator: Generator, styles: int) -> None:
    """Raise ValueError if the generator cannot have that many styles."""
    if generator.one_style and styles > 1:
        raise ValueError(f"johnson, and every generator with batch normalisation, has one style, not {styles}")


def build_generator(
    architecture: ArchitectureName, options: Mapping[str, int | tuple[int, ...]], norm: NormName = "instance"
) -> Generator:
    """Build a new generator by its name in `ARCHITECTURES`, with the arguments of its class.

    Raises:
        ValueError: the class has no such arguments, or they are out of bounds.
    """
    try:
        return ARCHITECTURES[architecture](**options, norm=norm)
    except TypeError as error:
        raise ValueError(f"the options do not fit the architecture {architecture}") from error
