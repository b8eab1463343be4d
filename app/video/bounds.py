"""What a clip may have at most, checked before it is decoded and, since its header may lie, while it is."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import VideoTooLarge


@dataclass(frozen=True)
class Bounds:
    """
    Attributes:
        bytes: of the file.
        seconds: from the first frame to the end of the last.
        frames: in the file.
        frame_megapixels: of one frame.
        megapixels: of all frames together: pixels times frames.
    """

    bytes: int = 4_000_000_000
    seconds: float = 3600
    frames: int = 250_000
    frame_megapixels: float = 64
    megapixels: float = 1_000_000

    def check_file(self, size: int) -> None:
        """Raises VideoTooLarge."""
        if size > self.bytes:
            raise VideoTooLarge(f"The clip has {size / 1e6:,.0f} MB; at most {self.bytes / 1e6:,.0f} are read.")

    def check_frame(self, width: int, height: int) -> None:
        """Raises VideoTooLarge."""
        if (megapixels := width * height / 1e6) > self.frame_megapixels:
            raise VideoTooLarge(f"A frame has {megapixels:.1f} megapixels; at most {self.frame_megapixels:g} are read.")

    def check_length(self, width: int, height: int, frames: int, seconds: float) -> None:
        """Frames and seconds as promised, or as read so far. Raises VideoTooLarge."""
        if seconds > self.seconds:
            raise VideoTooLarge(f"The clip has {seconds:,.0f} seconds; at most {self.seconds:g} are read.")
        if frames > self.frames:
            raise VideoTooLarge(f"The clip has more than {self.frames:,} frames, which is the most that is read.")
        if width * height * frames / 1e6 > self.megapixels:
            raise VideoTooLarge(
                f"The clip's frames have more than {self.megapixels:,.0f} megapixels together: send a shorter or "
                "smaller one."
            )
