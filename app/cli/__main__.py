"""`python -m app.cli`, which `torchrun -m app.cli train` needs."""

from app.cli import main

main()
