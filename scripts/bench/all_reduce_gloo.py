"""One rank of all-reduce.mjs: reads "numFloats numTimes" lines, answers each with milliseconds and those of a core."""

import sys
import time

import torch
import torch.distributed as dist

torch.set_num_threads(1)
dist.init_process_group("gloo", init_method="env://")
print(0, 0, flush=True)
for line in sys.stdin:
    num_floats, num_times = map(int, line.split())
    vector = torch.ones(num_floats)
    dist.all_reduce(vector)
    start = time.perf_counter()
    core_start = time.process_time()
    for _ in range(num_times):
        dist.all_reduce(vector)
    milliseconds = (time.perf_counter() - start) * 1000 / num_times
    core_milliseconds = (time.process_time() - core_start) * 1000 / num_times
    print(milliseconds, core_milliseconds, flush=True)
dist.destroy_process_group()
