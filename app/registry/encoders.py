"""Style encoders in the model repository: `<name>/<version>/` like a model, but with `encoder.json` as its manifest.

An encoder belongs to one generator, which its manifest names by the digest of its weights. Versions of a model that
differ only in their styles have the same generator, and so share an encoder.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from app.nets.descriptor import Descriptor
from app.nets.generators import Generator
from app.nets.style_encoder import StyleEncoder
from app.registry.descriptors import folder_of, load_network, newest_version, read_network_manifest
from app.registry.error import InvalidModel, MissingModel
from app.registry.label import label_of, parse_label
from app.registry.manifest import EncoderManifest, EncoderSizes
from app.registry.publish import now, write_version
from app.registry.repository import (
    WEIGHTS,
    Model,
    Repository,
    check_tensors,
    describe,
    read_network_file,
    read_verified,
)

ENCODER_MANIFEST = "encoder.json"


class MissingEncoder(MissingModel):
    """There is no style encoder for that generator."""


class OtherGenerator(InvalidModel):
    """The style encoder belongs to another generator, for which rows mean something else."""


@dataclass(frozen=True)
class Encoder:
    """A verified style encoder, and the loss network whose features it reads."""

    manifest: EncoderManifest
    network: Descriptor
    encoder: StyleEncoder

    def check_fits(self, model: Model) -> None:
        """Raise OtherGenerator unless the encoder belongs to the model's generator."""
        if self.manifest.generator_sha256 != digest_of(model.generator):
            raise OtherGenerator(
                f"The style encoder {self.manifest.label} is for the generator of {self.manifest.generator}, and not "
                f"for that of {model.manifest.label}; `pastiche train encoder` trains one."
            )


def digest_of(generator: Generator) -> str:
    """SHA-256, in hex, of a loaded generator's weights with their names and shapes."""
    made_of = hashlib.sha256()
    for name, tensor in sorted(generator.state_dict().items()):
        made_of.update(f"{name} {tuple(tensor.shape)}".encode())
        made_of.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return made_of.hexdigest()


def publish_encoder(
    root: Path,
    name: str,
    encoder: StyleEncoder,
    model: Model,
    *,
    network: str,
    stroke: int,
    recipe: dict[str, Any],
    metrics: dict[str, Any],
    card: str,
) -> EncoderManifest:
    """Write the next version of the encoder `name` for a model's generator, and return its manifest.

    Weights are stored as float16; the statistics' mean and spread, and the middle row, stay in float32.

    Args:
        network: name of the loss network in `root` whose newest version the encoder reads.

    Raises:
        InvalidModel: what was written cannot be loaded again; nothing is published then.
    """
    halved = {key for key, _ in encoder.named_parameters()}
    tensors = {
        key: tensor.detach().cpu().to(torch.float16 if key in halved else torch.float32).contiguous()
        for key, tensor in encoder.state_dict().items()
    }
    contents = {WEIGHTS: save(tensors), "card.md": card.encode()}
    folder = newest_version(root, network)
    if folder is None:
        raise InvalidModel(f"There is no loss network {network}.")
    seen = read_network_manifest(folder)
    manifest = EncoderManifest(
        name=name,
        version=Repository(root).next_version(name),
        created=now(),
        recipe=recipe,
        metrics=metrics,
        files={file: describe(content) for file, content in contents.items()},
        generator=model.manifest.label,
        generator_sha256=digest_of(model.generator),
        network=seen.label,
        network_sha256=seen.files[WEIGHTS].sha256,
        stroke=stroke,
        sizes=EncoderSizes(**encoder.sizes),
    )
    build_encoder(manifest, contents[WEIGHTS])
    write_version(root / name / str(manifest.version), contents, manifest, ENCODER_MANIFEST)
    return manifest


def find_encoder(root: Path, model: Model) -> Encoder:
    """The newest encoder in `root` for the model's generator.

    Raises:
        MissingEncoder: there is none.
        InvalidModel: it does not match its manifest, or its loss network has changed.
    """
    folder = fitting_folder(root, digest_of(model.generator))
    if folder is None:
        raise MissingEncoder(
            f"There is no style encoder for {model.manifest.label}, so it has its own styles only; "
            "`pastiche train encoder` trains one."
        )
    return load_encoder(folder)


def fitting_folder(root: Path, generator_sha256: str) -> Path | None:
    """Where the encoder for the generator of that digest is, the newest where there are several. Its manifest alone is
    read. Raises InvalidModel: a manifest is broken."""
    folders = [root / name / str(version) for name, version in map(parse_label, encoders(root))]
    fitting = [folder for folder in folders if read_encoder_manifest(folder).generator_sha256 == generator_sha256]
    return fitting[-1] if fitting else None


def encoders(root: Path) -> list[str]:
    """Labels `name@version` of all encoders, unverified."""
    names = sorted(path.name for path in root.glob("*"))
    return [label_of(name, number) for name in names for number in numbered_encoders(root, name)]


def numbered_encoders(root: Path, name: str) -> list[int]:
    """Versions of an encoder, ascending, unverified."""
    numbers = Repository(root).numbered(name)
    return [number for number in numbers if (root / name / str(number) / ENCODER_MANIFEST).exists()]


def load_encoder(folder: Path) -> Encoder:
    """The encoder in `<root>/<name>/<version>/`, and its loss network from the same root, verified.

    Raises:
        InvalidModel: one of them is missing, or does not match the manifest.
    """
    manifest = read_encoder_manifest(folder)
    for file in manifest.files.keys() - {WEIGHTS}:
        read_verified(folder, file, manifest)
    encoder = build_encoder(manifest, read_verified(folder, WEIGHTS, manifest))
    return Encoder(manifest, load_its_network(folder.parent.parent, manifest), encoder)


def load_its_network(root: Path, manifest: EncoderManifest) -> Descriptor:
    """The loss network of an encoder, verified. Raises InvalidModel, also if it has changed since the training."""
    folder = folder_of(root, manifest.network)
    if read_network_manifest(folder).files[WEIGHTS].sha256 != manifest.network_sha256:
        raise InvalidModel(f"{manifest.label} was trained with another {manifest.network} than the one here.")
    return load_network(folder)


def read_encoder_manifest(folder: Path) -> EncoderManifest:
    """Raises InvalidModel."""
    return read_network_file(folder, ENCODER_MANIFEST, EncoderManifest, "style encoder")


def build_encoder(manifest: EncoderManifest, content: bytes) -> StyleEncoder:
    """Build an encoder in float32 from the bytes of a weights file. Raises InvalidModel."""
    with torch.device("meta"):  # no memory is allocated yet: the file must contain what the manifest asks for
        encoder = StyleEncoder(**manifest.sizes.model_dump())
    try:
        tensors: dict[str, Tensor] = load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InvalidModel(f"The weights of {manifest.label} cannot be read: {error}.") from error
    check_tensors(manifest.label, tensors, encoder.state_dict())
    encoder.load_state_dict({key: tensor.float() for key, tensor in tensors.items()}, assign=True)
    return encoder.eval().requires_grad_(False)
