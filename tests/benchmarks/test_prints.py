from pathlib import Path

import pytest
import skimage

from app.engine import device
from benchmarks.quality import prints


def test_it_tells_of_a_print_and_that_its_tiles_cannot_be_found(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(device, "supports_bfloat16", lambda _: False)  # which rounds differently in tiles
    monkeypatch.setattr(prints, "MEGAPIXELS", 0.4)
    monkeypatch.setattr(prints, "CROPPED", 200)
    monkeypatch.setattr(prints, "SKY_EDGE", 512)
    for name in ("TILE_EDGE", "MEASURED_MEGAPIXELS"):  # which it changes
        monkeypatch.setattr(prints.tiled_painter, name, getattr(prints.tiled_painter, name))
    prints.main([str(Path(skimage.__file__).parent / "data" / "coffee.png"), "--styles", "great_wave"])
    first, *lines = capsys.readouterr().out.splitlines()
    assert "great_wave, 775 x 516" in first
    one_pass, whole, samples = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[-3:])
    assert one_pass[1] == "one pass"
    assert (whole[1], int(whole[4]) <= 1) == ("tiles, measured whole", True)
    assert samples[1] == "tiles, measured in samples"
    # The tiles repeat nothing that the one pass does not.
    assert abs(float(whole[3]) - float(one_pass[3])) < 0.05
