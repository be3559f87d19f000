"""One process of a PyTorch DDP training run on the CPU: the peer of `ddp.mjs`, which starts it.

Reads its job as JSON from the first argument; RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT come from
the environment. A whole step as a trainer does it: windows of `train.bin`, forward, backward with
DDP's all-reduce, clip, fused AdamW, and a row of metrics (rank 0).
"""

import json
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from torch_model import Transformer


def main() -> None:
    job = json.loads(sys.argv[1])
    model, length = job["model"], job["model"]["contextLength"]
    torch.set_num_threads(1)
    torch.manual_seed(1)
    dist.init_process_group("gloo", init_method="env://")
    rank, world_size = dist.get_rank(), dist.get_world_size()
    data = torch.from_file(job["train"], size=os.path.getsize(job["train"]) // 2, dtype=torch.int16)
    network = DistributedDataParallel(Transformer(model))
    decayed = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
    generator = torch.Generator().manual_seed(rank)
    num_sequences = job["batchSize"] // world_size
    offsets = torch.arange(length + 1)
    metrics = open(job["metrics"], "w", buffering=1) if rank == 0 else None
    since = time.perf_counter()
    for step in range(job["steps"]):
        starts = torch.randint(len(data) - length, (num_sequences, 1), generator=generator)
        windows = data[starts + offsets].long()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bf16"):
            logits = network(windows[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1).float(), windows[:, 1:].reshape(-1))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        row = {"step": step + 1, "loss": loss.item(), "gradientNorm": norm.item()}
        now = time.perf_counter()
        row["stepMs"], since = (now - since) * 1e3, now
        if metrics is not None:
            metrics.write(json.dumps(row) + "\n")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
