"""GPT-2 in plain PyTorch: the model of the trainer's Python peers."""
import torch
import torch.nn as nn
import torch.nn.functional as F


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
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.width, self.heads = width, heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = Conv1D(width, 3 * width), Conv1D(width, width)
        self.c_fc, self.c_out = Conv1D(width, 4 * width), Conv1D(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def attend(self, x, mask):
        rows, steps, _ = x.shape
        q, k, v = (t.view(rows, steps, self.heads, -1).transpose(1, 2) for t in self.c_attn(x).split(self.width, dim=2))
        scores = (q * (self.width // self.heads) ** -0.5) @ k.transpose(2, 3) + mask
        mixed = self.drop(scores.softmax(-1)) @ v
        return self.drop(self.c_proj(mixed.transpose(1, 2).reshape(rows, steps, self.width)))

    def forward(self, x, mask):
        x = x + self.attend(self.ln_1(x), mask)
        return x + self.drop(self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")))


class Gpt2(nn.Module):
    """Token ids [B,T] -> logits [B,T,V]; T is at most the context."""

    def __init__(self, layers, width, heads, vocabulary, context, dropout):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)
        nn.init.normal_(self.wte.weight, std=0.02)
        nn.init.normal_(self.wpe.weight, std=0.02)
        self.register_buffer("mask", torch.full((context, context), float("-inf")).triu(1))

    def forward(self, ids):
        x = self.drop(self.wte(ids) + self.wpe(torch.arange(ids.shape[1])))
        mask = self.mask[: ids.shape[1], : ids.shape[1]]
        for block in self.blocks:
            x = block(x, mask)
        return F.linear(self.ln_f(x), self.wte.weight)
