"""The manifest of a model version: what its files are, how they were made and what they scored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.nets.architectures import ArchitectureName
from app.nets.norm import NormName
from app.registry.label import MODEL_NAME, NAME_CHARACTERS, label_of
from app.style_id import StyleId

ModelName = Annotated[str, Field(pattern=MODEL_NAME, max_length=NAME_CHARACTERS)]
# A file of the version's own folder or of its previews: no other folder, no way up.
FileName = Annotated[str, Field(pattern=r"^(previews/)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=128)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


# The first manifests call it by what it is with several styles, conditional.
NormOf = Annotated[NormName, BeforeValidator(lambda norm: "instance" if norm == "cin" else norm)]


class Part(BaseModel):
    """Base of the manifest's parts: immutable, and a member that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class File(Part):
    """What a file of the version must be, to the bit."""

    sha256: Sha256
    # A generator has some megabytes; a gigabyte is not one, and would be read into memory.
    bytes: int = Field(ge=0, le=1_000_000_000)


class StyleLosses(Part):
    """Mean balanced losses over photos that the training never saw."""

    style: float
    content: float


class Style(Part):
    """A style of the model, and where its style image comes from."""

    id: StyleId
    title: str = Field(min_length=1, max_length=200)
    artist: str | None = Field(None, max_length=200)
    year: int | None = None
    licence: str | None = Field(None, max_length=200)
    preview: FileName | None = None
    losses: StyleLosses | None = None


class Architecture(Part):
    """A generator by the name and the arguments of app.nets.architectures, and its normalisation."""

    name: ArchitectureName
    options: dict[str, int | tuple[int, ...]] = {}
    norm: NormOf = "instance"


class Origin(Part):
    """Where an appended row comes from.

    Attributes:
        painting_sha256: of the style image's file.
        started_from: id of the style whose row it was before the first step; None: the mean of all rows.
    """

    painting_sha256: Sha256
    started_from: StyleId | None


class Appended(Part):
    """Rows that were appended to a version whose other values stayed as they were, to the bit."""

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

    # Of the loss network's layers; in this order they are looked at.
    channels: dict[str, Annotated[int, Field(ge=1, le=4096)]] = Field(min_length=1, max_length=16)
    features: int = Field(ge=1, le=100_000)
    rank: int = Field(ge=1, le=128)
    hidden: int = Field(ge=1, le=4096)
    bottleneck: int = Field(ge=1, le=1024)


class EncoderManifest(Version):
    """One version of a style encoder.

    Attributes:
        generator, generator_sha256: the model version that it was trained for, and the digest of its generator, which
            versions that differ in styles only share.
        network, network_sha256: the loss network that it looks through, `name@version`, and that file's digest.
        stroke: longer edge in pixels at which it sees a style image.
    """

    generator: str
    generator_sha256: Sha256
    network: str
    network_sha256: Sha256
    stroke: int = Field(ge=16, le=4096)
    sizes: EncoderSizes


class Manifest(Version):
    """One version of one model. `recipe` and `descriptor` are those of its generator; `additions` came later."""

    architecture: Architecture
    styles: tuple[Style, ...] = Field(min_length=1)
    descriptor: str
    additions: tuple[Appended, ...] = ()

    @property
    def style_ids(self) -> tuple[str, ...]:
        return tuple(style.id for style in self.styles)
