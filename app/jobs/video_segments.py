"""The finished segments of a clip, in the storage: another attempt goes on behind the last one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import structlog
from torch import Tensor

from app.jobs.context import JobContext
from app.jobs.job import attempt_key
from app.jobs.packing import UNREADABLE, pack, unpack
from app.storage.blobs import BlobNotFound
from app.storage.seal import BlobDamaged, read_sealed, sealed
from app.video.frame import Frame

# In a checkpoint: what the next frame's strokes depend on.
STROKES = "strokes"

_log = structlog.get_logger(__name__)


@dataclass
class Segments:
    """
    Attributes:
        maker: what codes them; those of another one cannot be joined with them.
        frames: in all of them.
        lasts: how long the last frame is shown, in seconds.
        strokes: the state of `Steadiness` behind them.
        keys, data: of each, in their order.
    """

    maker: str
    frames: int = 0
    lasts: Fraction = Fraction(0)
    strokes: Tensor | None = None
    keys: list[str] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)

    @classmethod
    def of_earlier_attempts(cls, context: JobContext, maker: str) -> Segments:
        """None at the first attempt, or where they cannot be used. Raises StorageUnavailable."""
        packed = context.last_checkpoint()
        if packed is None:
            return cls(maker)
        try:
            tensors, state = unpack(packed)
            if state["maker"] != maker:
                raise ValueError(f"made by {state['maker']}")
            data = [read_sealed(context.storage, key) for key in state["keys"]]
            lasts = Fraction(state["lasts"])
            return cls(maker, int(state["frames"]), lasts, tensors.get(STROKES), list(state["keys"]), data)
        except (*UNREADABLE, BlobNotFound, BlobDamaged) as error:
            _log.warning("checkpoint_not_usable", reason=repr(error))
            return cls(maker)

    def add(self, context: JobContext, data: bytes, frames: Part, strokes: Tensor | None) -> None:
        """Keep another one. Raises StorageUnavailable; HandedOver: the worker is to stop."""
        key = sealed(attempt_key(context.job, f"segments/{len(self.keys):05}"), data)
        context.storage.put(key, data)
        self.keys.append(key)
        self.data.append(data)
        self.frames += frames.count
        self.lasts, self.strokes = frames.lasts, strokes
        state = {"maker": self.maker, "frames": self.frames, "lasts": str(self.lasts), "keys": self.keys}
        context.checkpoint(pack({} if strokes is None else {STROKES: strokes}, state))


class Part(Iterator[Frame]):
    """The frames of one segment, the first ones of `frames`: `most`, or fewer where the worker is to stop.

    Attributes:
        count: given so far.
        lasts: how long the last of them is shown, in seconds.
    """

    def __init__(self, first: Frame, frames: Iterator[Frame], most: int, context: JobContext) -> None:
        self.count = 0
        self.lasts = Fraction(0)
        self._first: Frame | None = first
        self._frames = frames
        self._most = most
        self._stopping = context.stopping

    def __next__(self) -> Frame:
        if self.count == self._most or (self.count and self._stopping.is_set()):
            raise StopIteration
        frame, self._first = self._first or next(self._frames), None
        self.count += 1
        self.lasts = frame.duration
        return frame
