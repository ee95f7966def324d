"""One SFT step of a small GPT-2 in plain PyTorch: the peer of the trainer's step, on the same libtorch.

It reads a number of steps from each line of standard input, runs them, and prints the seconds they took on
the clock and on the processor.
Arguments: layers width heads vocabulary batch time threads dropout.
"""
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

LAYERS, WIDTH, HEADS, VOCABULARY, BATCH, TIME, THREADS = (int(a) for a in sys.argv[1:8])
DROPOUT = float(sys.argv[8])


class Conv1D(nn.Module):
    """Hugging Face's GPT-2 layer: the weight has the shape [in, out]."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * 0.02)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        flat = torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight)
        return flat.view(*x.shape[:-1], flat.shape[-1])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.c_attn, self.c_proj = Conv1D(WIDTH, 3 * WIDTH), Conv1D(WIDTH, WIDTH)
        self.c_fc, self.c_out = Conv1D(WIDTH, 4 * WIDTH), Conv1D(4 * WIDTH, WIDTH)
        self.drop = nn.Dropout(DROPOUT)

    def attend(self, x, mask):
        rows, steps, _ = x.shape
        q, k, v = (t.view(rows, steps, HEADS, -1).transpose(1, 2) for t in self.c_attn(x).split(WIDTH, dim=2))
        scores = (q * (WIDTH // HEADS) ** -0.5) @ k.transpose(2, 3) + mask
        mixed = self.drop(scores.softmax(-1)) @ v
        return self.drop(self.c_proj(mixed.transpose(1, 2).reshape(rows, steps, WIDTH)))

    def forward(self, x, mask):
        x = x + self.attend(self.ln_1(x), mask)
        return x + self.drop(self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")))


class Gpt2(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(TIME, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.ln_f = nn.LayerNorm(WIDTH)
        self.drop = nn.Dropout(DROPOUT)
        nn.init.normal_(self.wte.weight, std=0.02)
        nn.init.normal_(self.wpe.weight, std=0.02)
        self.register_buffer("mask", torch.full((TIME, TIME), float("-inf")).triu(1))

    def forward(self, ids):
        x = self.drop(self.wte(ids) + self.wpe(torch.arange(ids.shape[1])))
        for block in self.blocks:
            x = block(x, self.mask)
        return F.linear(self.ln_f(x), self.wte.weight)


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
    model = Gpt2().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.999), weight_decay=0.01)
    for line in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            step(model, optimizer, torch.randint(VOCABULARY, (BATCH, TIME + 1)))
        print(time.perf_counter() - clock, time.process_time() - processor, flush=True)


main()
