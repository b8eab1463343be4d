"""The `pastiche` command with a network that waits before each batch: `slow_server.py SECONDS HOLD serve`.

A picture thereby takes as long on every machine, and the engine measures and predicts it as it is. While there is a
file HOLD, no batch ends.
"""

import sys
import time
from pathlib import Path

from app.cli import main
from app.engine.stylizer import Stylizer

SECONDS = float(sys.argv.pop(1))
HOLD = Path(sys.argv.pop(1))
paint = Stylizer.paint


def paint_slowly(self, *given):
    time.sleep(SECONDS)
    while HOLD.exists():
        time.sleep(0.01)
    return paint(self, *given)


Stylizer.paint = paint_slowly
main()
