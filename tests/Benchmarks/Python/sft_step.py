"""One SFT step of a small GPT-2 in plain PyTorch: the peer of the trainer's step, on the same libtorch.

It reads a number of steps from each line of standard input, runs them, and prints the seconds they took on
the clock and on the processor.
Arguments: layers width heads vocabulary batch time threads dropout.
"""
import sys
import time

import torch
import torch.nn.functional as F

from gpt2 import Gpt2

LAYERS, WIDTH, HEADS, VOCABULARY, BATCH, TIME, THREADS = (int(a) for a in sys.argv[1:8])
DROPOUT = float(sys.argv[8])


def step(model, optimizer, ids):
    optimizer.zero_grad(set_to_none=True)
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), ids[:, 1:].reshape(-1))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    model = Gpt2(LAYERS, WIDTH, HEADS, VOCABULARY, TIME, DROPOUT).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.999), weight_decay=0.01)
    for line in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            step(model, optimizer, torch.randint(VOCABULARY, (BATCH, TIME + 1)))
        print(time.perf_counter() - clock, time.process_time() - processor, flush=True)


main()
