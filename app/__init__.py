"""pastiche: neural style transfer as a service."""

import os

__version__ = "0.1.0"

# Threads of OpenMP spin while they wait for each other, on cores that other processes need: of two Gatys jobs on two
# cores each took twelve times as long. OpenMP reads these when torch is loaded, so whoever imports torch by himself
# imports this package first. What the environment says already stands.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if os.environ["OMP_WAIT_POLICY"].lower() == "passive":
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
