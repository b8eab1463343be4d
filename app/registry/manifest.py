"""The manifest of a model version: its files, how they were made, and their scores."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.nets.architectures import ArchitectureName
from app.nets.norm import NormName
from app.registry.label import MODEL_NAME, NAME_CHARACTERS, label_of
from app.style_id import StyleId

ModelName = Annotated[str, Field(pattern=MODEL_NAME, max_length=NAME_CHARACTERS)]
# A file in the version's folder or in `previews/`, and nowhere else.
FileName = Annotated[str, Field(pattern=r"^(previews/)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=128)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


# The first manifests call it conditional.
NormOf = Annotated[NormName, BeforeValidator(lambda norm: "instance" if norm == "cin" else norm)]


class Part(BaseModel):
    """Base of the manifest's parts: immutable; unknown members are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class File(Part):
    """Size and SHA-256 of a file of the version."""

    sha256: Sha256
    # A generator has some megabytes. Files are read into memory, so the size is bounded.
    bytes: int = Field(ge=0, le=1_000_000_000)


class StyleLosses(Part):
    """Mean balanced losses over photos that were not trained on."""

    style: float
    content: float


class Style(Part):
    """A style of the model, and the origin of its style image."""

    id: StyleId
    title: str = Field(min_length=1, max_length=200)
    artist: str | None = Field(None, max_length=200)
    year: int | None = None
    licence: str | None = Field(None, max_length=200)
    preview: FileName | None = None
    losses: StyleLosses | None = None


class Architecture(Part):
    """Name and arguments of a generator in app.nets.architectures, and its normalisation."""

    name: ArchitectureName
    options: dict[str, int | tuple[int, ...]] = {}
    norm: NormOf = "instance"


class Origin(Part):
    """The origin of an appended row.

    Attributes:
        painting_sha256: SHA-256 of the style image's file.
        started_from: id of the style whose row it started as; None: it started as the mean of all rows, unless there is
            an encoder.
        encoder: label of the style encoder that read the row that it started as; None: there was none.
    """

    painting_sha256: Sha256
    started_from: StyleId | None
    encoder: str | None = None

    @property
    def start(self) -> str:
        """What it started from, in words."""
        read = f"what {self.encoder} read from the style image" if self.encoder else None
        return read or self.started_from or "the mean of all rows"


class Appended(Part):
    """Rows that were appended to a version; all its other values stayed the same, bit for bit."""

    base: str
    base_sha256: Sha256
    created: str
    styles: dict[StyleId, Origin] = Field(min_length=1)
    descriptor: str
    pictures: str
    recipe: dict[str, Any]


class Version(Part):
    """One version of anything that is trained."""

    schema_version: Literal[1] = 1
    name: ModelName
    version: int = Field(ge=1)
    created: str
    recipe: dict[str, Any]
    metrics: dict[str, Any] = {}
    files: dict[FileName, File]

    @property
    def label(self) -> str:
        return label_of(self.name, self.version)


class DescriptorManifest(Version):
    """One version of a loss network; `teachers` are the networks whose features it learned."""

    teachers: tuple[str, ...]


class EncoderSizes(Part):
    """The arguments of app.nets.style_encoder.StyleEncoder."""

    # Channels by layer of the loss network, in the order of the encoder's inputs.
    channels: dict[str, Annotated[int, Field(ge=1, le=4096)]] = Field(min_length=1, max_length=16)
    features: int = Field(ge=1, le=100_000)
    rank: int = Field(ge=1, le=128)
    hidden: int = Field(ge=1, le=4096)
    bottleneck: int = Field(ge=1, le=1024)


class EncoderManifest(Version):
    """One version of a style encoder.

    Attributes:
        generator, generator_sha256: the model version that it was trained for, and the digest of its generator, which
            is the same in versions that differ only in styles.
        network, network_sha256: the loss network whose features it reads, `name@version`, and the digest of its
            weights.
        stroke: longer edge, in pixels, to which style images are scaled.
    """

    generator: str
    generator_sha256: Sha256
    network: str
    network_sha256: Sha256
    stroke: int = Field(ge=16, le=4096)
    sizes: EncoderSizes


class Manifest(Version):
    """A version of a model. `recipe` and `descriptor` are those of its generator; `additions` came later."""

    architecture: Architecture
    styles: tuple[Style, ...] = Field(min_length=1)
    descriptor: str
    additions: tuple[Appended, ...] = ()

    @property
    def style_ids(self) -> tuple[str, ...]:
        return tuple(style.id for style in self.styles)
