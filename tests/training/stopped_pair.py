"""One of two processes that train together; the second one is told to stop after its second step.

Arguments: rank, file to meet at, folder of the inputs. Prints the step after which it ended.
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from tiny_training import make_trainer

if __name__ == "__main__":
    rank, meeting, inputs = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    trainer = make_trainer(inputs, steps=50)
    for step in trainer.run():
        if rank == 1 and step.step == 2:
            trainer.stop()
    dist.destroy_process_group()
    sys.stdout.write(f"{trainer.step} {trainer.rows.gamma.double().sum().item():.17g}")
