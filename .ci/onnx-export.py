"""Exports small modules with both of PyTorch's exporters and writes, per module and exporter, FOLDER/NAME.onnx, the
inputs and the module's own outputs as .npy, and a line of FOLDER/cases.txt: NAME, the inputs as NAME=FILE and the
outputs as NAME=FILE, each list joined by commas, and the sizes of dynamic dimensions as S=N.

    onnx-export.py FOLDER
"""
import math
import pathlib
import sys

import numpy
import onnx
import torch
from torch import nn
from torch.nn import functional as F

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(1)
cases = []


class MLP(nn.Module):
    def __init__(self, d=24, h=40):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.Linear(h, h), nn.GELU(), nn.Linear(h, h), nn.GELU(approximate="tanh"), nn.Linear(h, d), nn.SiLU())

    def forward(self, x):
        return self.net(x)


class Norms(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.a, self.b = nn.LayerNorm(d), nn.LayerNorm(d, elementwise_affine=False, eps=1e-3)
        nn.init.normal_(self.a.weight), nn.init.normal_(self.a.bias)

    def forward(self, x):
        return self.a(x) + self.b(x), torch.log_softmax(x, -1), x.var(-1, keepdim=True)


class Attention(nn.Module):
    def __init__(self, d=32, heads=4, causal=True):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(b, t, d))


class MaskedAttention(nn.Module):
    def forward(self, q, k, v, mask):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class RMSNorm(nn.Module):
    def __init__(self, d, eps=1e-6):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.randn(d)), eps

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


class LlamaBlock(nn.Module):
    """A decoder block: rms norm, grouped attention with rotary positions, SwiGLU."""

    def __init__(self, d=32, heads=4, kv=2, hidden=48):
        super().__init__()
        self.heads, self.kv, self.hd = heads, kv, d // heads
        self.norm1, self.norm2 = RMSNorm(d), RMSNorm(d)
        self.q, self.k = nn.Linear(d, d, bias=False), nn.Linear(d, kv * self.hd, bias=False)
        self.v, self.o = nn.Linear(d, kv * self.hd, bias=False), nn.Linear(d, d, bias=False)
        self.gate, self.up, self.down = nn.Linear(d, hidden, bias=False), nn.Linear(d, hidden, bias=False), nn.Linear(hidden, d, bias=False)
        self.register_buffer("inv", 10000 ** (-torch.arange(0, self.hd, 2).float() / self.hd))

    def rotate(self, x, cos, sin):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat((-b, a), -1) * sin

    def forward(self, x, position):
        b, t, d = x.shape
        h = self.norm1(x)
        angle = position[:, None, :, None].float() * self.inv
        angle = torch.cat((angle, angle), -1)
        q = self.rotate(self.q(h).view(b, t, self.heads, self.hd).transpose(1, 2), angle.cos(), angle.sin())
        k = self.rotate(self.k(h).view(b, t, self.kv, self.hd).transpose(1, 2), angle.cos(), angle.sin())
        v = self.v(h).view(b, t, self.kv, self.hd).transpose(1, 2)
        k, v = (z[:, :, None].expand(b, self.kv, self.heads // self.kv, t, self.hd).reshape(b, self.heads, t, self.hd) for z in (k, v))
        mask = torch.full((t, t), float("-inf")).triu(1)
        p = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(self.hd) + mask, -1)
        x = x + self.o((p @ v).transpose(1, 2).reshape(b, t, d))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Embedding(nn.Module):
    def __init__(self, vocab=50, d=16):
        super().__init__()
        self.table, self.head = nn.Embedding(vocab, d), nn.Linear(d, vocab)

    def forward(self, tokens):
        logits = self.head(self.table(tokens))
        value, index = logits.topk(3, -1)
        return logits.argmax(-1), value, index


def export(name, module, args, names, dynamic=None, opset=None):
    """Exports with both exporters; dynamic gives each argument's {axis: symbol}."""
    module = module.eval()
    with torch.no_grad():
        want = module(*args)
    want = want if isinstance(want, tuple) else (want,)
    outputs = [f"y{i}" for i in range(len(want))]
    sizes = {s: a.shape[axis] for a, axes in zip(args, dynamic or []) for axis, s in axes.items()}
    for kind in ("dynamo", "script"):
        case, kwargs = f"{name}_{kind}", {}
        if dynamic and kind == "dynamo":
            kwargs["dynamic_shapes"] = tuple({axis: torch.export.Dim(s, min=2, max=4096) for axis, s in axes.items()} for axes in dynamic)
        elif dynamic:
            kwargs["dynamic_axes"] = {n: axes for n, axes in zip(names, dynamic)}
        file = str(folder / f"{case}.onnx")
        torch.onnx.export(module, tuple(args), file, input_names=names, output_names=outputs, opset_version=opset or (18 if kind == "dynamo" else 17), dynamo=kind == "dynamo", **kwargs)
        onnx.checker.check_model(file)
        ins, outs = [], []
        for n, a in zip(names, args):
            numpy.save(folder / f"{case}.{n}.npy", a.numpy())
            ins.append(f"{n}={case}.{n}.npy")
        for n, a in zip(outputs, want):
            numpy.save(folder / f"{case}.{n}.npy", a.detach().numpy())
            outs.append(f"{n}={case}.{n}.npy")
        cases.append(" ".join([case, ",".join(ins), ",".join(outs), *(f"{s}={n}" for s, n in sizes.items())]))


x = torch.randn(2, 5, 32)
export("mlp", MLP(), [torch.randn(7, 24)], ["x"])
export("mlp_dynamic", MLP(), [torch.randn(7, 24)], ["x"], [{0: "batch"}])
export("norms", Norms(), [torch.randn(3, 5, 24)], ["x"])
export("attention", Attention(), [x], ["x"])
export("attention_full", Attention(causal=False), [x], ["x"], [{0: "batch", 1: "seq"}])
export("attention_dynamic", Attention(), [x], ["x"], [{0: "batch", 1: "seq"}])
q, k = torch.randn(2, 4, 5, 8), torch.randn(2, 4, 9, 8)
export("attention_bool", MaskedAttention(), [q, k, torch.randn(2, 4, 9, 8), torch.rand(5, 9) > 0.3], ["q", "k", "v", "mask"])
export("attention_added", MaskedAttention(), [q, k, torch.randn(2, 4, 9, 8), torch.randn(5, 9)], ["q", "k", "v", "mask"], [{}, {2: "keys"}, {2: "keys"}, {1: "keys"}])
export("llama", LlamaBlock(), [x, torch.arange(5).expand(2, 5).contiguous()], ["x", "position"])
export("llama_dynamic", LlamaBlock(), [x, torch.arange(5).expand(2, 5).contiguous()], ["x", "position"], [{0: "batch", 1: "seq"}, {0: "batch", 1: "seq"}])
export("embedding", Embedding(), [torch.randint(50, (2, 5))], ["tokens"])
(folder / "cases.txt").write_text("\n".join(cases) + "\n")
