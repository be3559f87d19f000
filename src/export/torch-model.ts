/**
 * The model in plain PyTorch, as `model.py` of an export: its modules are named so that
 * `load_state_dict` takes the parameters under the names of a checkpoint.
 */
export const TORCH_MODEL = `"""A SmallInitEmb Transformer, written by smallinit. load(folder) gives the trained module."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, self.num_heads, self.rotary = c["embeddingSize"], c["numHeads"], c["positions"] == "rotary"
        self.query, self.key, self.value, self.out = (
            nn.Linear(width, width, bias=c["bias"]) for _ in range(4)
        )
        num_rotary = width // self.num_heads // 2
        frequencies = 10_000 ** (-torch.arange(0, num_rotary, 2) / num_rotary)
        angles = torch.arange(c["contextLength"])[:, None] * frequencies
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def rotate(self, x):
        half = self.cos.shape[-1]
        cos, sin = self.cos[: x.shape[-2]], self.sin[: x.shape[-2]]
        first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), -1)

    def forward(self, x):
        q, k, v = (
            linear(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for linear in (self.query, self.key, self.value)
        )
        if self.rotary:
            q, k = self.rotate(q), self.rotate(k)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, hidden, bias = c["embeddingSize"], c["ffnSize"], c["bias"]
        self.gated = c["ffn"] == "geglu"
        for name in ["key", "value"] if self.gated else ["in"]:
            self.add_module(name, nn.Linear(width, hidden, bias=bias))
        self.out = nn.Linear(hidden, width, bias=bias)

    def forward(self, x):
        if self.gated:
            return self.out(F.gelu(self.key(x)) * self.value(x))
        return self.out(F.gelu(self.get_submodule("in")(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, c, has_ln0):
        super().__init__()
        width, self.is_pre = c["embeddingSize"], c["norm"] == "pre"
        self.ln0 = nn.LayerNorm(width) if has_ln0 else None
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.ffn = Attention(c), FeedForward(c)

    def forward(self, x):
        if self.ln0 is not None:
            x = self.ln0(x)
        if self.is_pre:
            x = x + self.attn(self.ln1(x))
            return x + self.ffn(self.ln2(x))
        x = self.ln1(x)
        x = self.ln2(x + self.attn(x))
        return x + self.ffn(x)


class SmallInitEmb(nn.Module):
    def __init__(self, c):
        super().__init__()
        width = c["embeddingSize"]
        self.embed = nn.Embedding(c["vocabSize"], width)
        self.pos = nn.Embedding(c["contextLength"], width) if c["positions"] == "learned" else None
        self.blocks = nn.ModuleList(
            Block(c, c["embedNorm"] and i == 0) for i in range(c["numLayers"])
        )
        self.ln_out = nn.LayerNorm(width)
        self.head = nn.Linear(width, c["vocabSize"], bias=False)

    def forward(self, tokens):
        """int64[batch, time], time up to contextLength, to float32[batch, time, vocabSize]."""
        x = self.embed(tokens)
        if self.pos is not None:
            x = x + self.pos.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_out(x))


def load(folder="."):
    folder = Path(folder)
    model = SmallInitEmb(json.loads((folder / "config.json").read_text())["model"])
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()
`;
