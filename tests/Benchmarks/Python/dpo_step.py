"""DPO on pairs in plain PyTorch, with the reference's forward pass in each step: the peer of the trainer's group batch.

It reads a number of steps from each line of standard input, runs them, and prints the seconds they took on
the clock and on the processor. Each step takes the next batch of the file, from the first again after the last.
Arguments: layers width heads vocabulary context threads beta file. The file is JSON: a list of batches, each a list of
[prompt, chosen, rejected] in token ids.
"""
import copy
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

from gpt2 import Gpt2

LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT, THREADS = (int(a) for a in sys.argv[1:7])
BETA, FILE = float(sys.argv[7]), sys.argv[8]


def collate(pairs):
    """Chosen rows, then rejected ones -> ids [2P,T] and whether a token belongs to a completion [2P,T]."""
    rows = [(prompt, chosen) for prompt, chosen, _ in pairs] + [(prompt, rejected) for prompt, _, rejected in pairs]
    longest = max(len(prompt) + len(completion) for prompt, completion in rows)
    ids, scored = torch.zeros(len(rows), longest, dtype=torch.long), torch.zeros(len(rows), longest)
    for row, (prompt, completion) in enumerate(rows):
        end = len(prompt) + len(completion)
        ids[row, :end] = torch.tensor(prompt + completion)
        scored[row, len(prompt):end] = 1
    return ids, scored


def log_probs(model, ids, scored):
    """log pi(completion | prompt) of each row, [2P]."""
    logits = model(ids[:, :-1])  # [2P,T-1,V]
    tokens = logits.log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(2)  # [2P,T-1]
    return (tokens * scored[:, 1:]).sum(1)


def step(policy, reference, optimizer, batch):
    optimizer.zero_grad(set_to_none=True)
    ids, scored = collate(batch)
    learned = log_probs(policy, ids, scored)
    with torch.no_grad():
        frozen = log_probs(reference, ids, scored)
    chosen, rejected = (learned - frozen).chunk(2)  # [P], [P]
    loss = -F.logsigmoid(BETA * (chosen - rejected)).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    with open(FILE) as file:
        batches = json.load(file)
    policy = Gpt2(LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT, 0.0).train()
    reference = copy.deepcopy(policy).eval()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-6, betas=(0.9, 0.999), weight_decay=0.0)
    done = 0
    for line in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            loss = step(policy, reference, optimizer, batches[done % len(batches)])
            if done == 0 and abs(loss - math.log(2)) > 1e-4:
                raise SystemExit(f"the first loss is {loss}, not ln 2, although policy and reference are equal")
            done += 1
        print(time.perf_counter() - clock, time.process_time() - processor, flush=True)


main()
