"""Pictures with a line of words below them, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

CAPTION = 22  # pixels under a picture


def captioned(image: Image.Image, text: str, width: int, height: int) -> Image.Image:
    cell = Image.new("RGB", (width, height + CAPTION), "white")
    cell.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    ImageDraw.Draw(cell).text((4, height + 4), text, "black", ImageFont.load_default(13))
    return cell


def strip(pictures: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Captions and pictures, all scaled to the height of the first."""
    height = pictures[0][1].height
    cells = []
    for text, image in pictures:
        scaled = image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS)
        cells.append(captioned(scaled, text, scaled.width, height))
    whole = Image.new("RGB", (sum(cell.width for cell in cells), height + CAPTION), "white")
    left = 0
    for cell in cells:
        whole.paste(cell, (left, 0))
        left += cell.width
    return whole


def stacked(lines: Sequence[Image.Image]) -> Image.Image:
    """One below the other."""
    sheet = Image.new("RGB", (max(line.width for line in lines), sum(line.height for line in lines)), "white")
    top = 0
    for line in lines:
        sheet.paste(line, (0, top))
        top += line.height
    return sheet
