"""Import all modules of the service, so that Python keeps them, and all that they import, compiled.

The Dockerfile runs this: on a read-only file system every start would compile them again. The rest of the packages,
two thirds of them, stays as it is.
"""

from __future__ import annotations

import importlib
import pkgutil

import app

# What modules of the service import only when it is needed.
LATER = ("av", "matplotlib.backends.backend_agg", "matplotlib.figure")

if __name__ == "__main__":
    modules = [module.name for module in pkgutil.walk_packages(app.__path__, "app.")]
    for name in (*modules, *LATER):
        if not name.endswith("__main__"):
            importlib.import_module(name)
