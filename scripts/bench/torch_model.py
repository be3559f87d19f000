"""The same transformer in idiomatic PyTorch, timed on request: the peer of `engines.mjs`.

Reads the model's configuration as JSON from the first argument. Then, for every line "N" on standard
input, runs N times forward and backward of one block and answers with the seconds that took on the
clock that the second argument names: "wall", or "cpu" for the time that this process had a core.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, width: int, num_heads: int, cos: torch.Tensor, sin: torch.Tensor):
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)

    def rotate(self, x: torch.Tensor) -> torch.Tensor:
        half = self.cos.shape[-1]
        first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        cos, sin = self.cos, self.sin
        return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), -1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape

        def heads(y: torch.Tensor) -> torch.Tensor:
            return y.view(batch, length, self.num_heads, -1).transpose(1, 2)

        q, k = self.rotate(heads(self.query(x))), self.rotate(heads(self.key(x)))
        y = F.scaled_dot_product_attention(q, k, heads(self.value(x)), is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    def __init__(self, width: int, hidden: int, num_heads: int, cos: torch.Tensor, sin: torch.Tensor):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, num_heads, cos, sin)
        self.key, self.value = nn.Linear(width, hidden), nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.ln1(x))
        y = self.ln2(x)
        return x + self.out(F.gelu(self.key(y)) * self.value(y))


class Transformer(nn.Module):
    def __init__(self, model: dict):
        super().__init__()
        width, num_heads, length = model["embeddingSize"], model["numHeads"], model["contextLength"]
        num_rotary = width // num_heads // 2
        frequencies = 10_000 ** (-torch.arange(0, num_rotary, 2) / num_rotary)
        angles = torch.arange(length)[:, None] * frequencies
        self.embed = nn.Embedding(model["vocabSize"], width)
        nn.init.uniform_(self.embed.weight, -1e-4, 1e-4)
        self.ln0, self.ln_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            Block(width, model["ffnSize"], num_heads, angles.cos(), angles.sin())
            for _ in range(model["numLayers"])
        )
        self.head = nn.Linear(width, model["vocabSize"], bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.ln0(self.embed(tokens))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_out(x))


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)
    setup = json.loads(sys.argv[1])
    model, num_sequences = setup["model"], setup["numSequences"]
    network = Transformer(model)
    tokens = torch.randint(model["vocabSize"], (num_sequences, model["contextLength"] + 1))
    inputs, targets = tokens[:, :-1], tokens[:, 1:].reshape(-1)

    is_short = setup["precision"] == "bf16"

    def step() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_short):
            logits = network(inputs).flatten(0, 1)
        F.cross_entropy(logits.float(), targets, reduction="sum").backward()

    step()
    kind = "bf16 autocast" if is_short else "eager"
    print(json.dumps({"name": f"PyTorch {torch.__version__} {kind}"}), flush=True)
    clock = time.process_time if sys.argv[2] == "cpu" else time.perf_counter
    for line in sys.stdin:
        start = clock()
        for _ in range(int(line)):
            step()
        print(clock() - start, flush=True)


if __name__ == "__main__":
    main()
