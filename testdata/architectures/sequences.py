"""Recurrences without cells, attention without softmax, state spaces, memories and losses in the graph, for export.py."""

import math

import torch
from classics import drawn, made
from torch import nn
from torch.nn import functional as F


class QuasiRecurrent(nn.Module):
    """Convolutions make the gates; pooling by a loop (f, o and input gates)."""

    def __init__(self, width=8):
        super().__init__()
        self.gates, self.out = nn.Conv1d(4, 3 * width, 2), nn.Linear(width, 3)

    def forward(self, x):
        z, f, o = self.gates(F.pad(x.transpose(1, 2), (1, 0))).transpose(1, 2).chunk(3, -1)
        z, f, o, c, states = z.tanh(), f.sigmoid(), o.sigmoid(), torch.zeros_like(z[:, 0]), []
        for t in range(x.shape[1]):
            c = f[:, t] * c + (1 - f[:, t]) * z[:, t]
            states.append(o[:, t] * c)
        return self.out(torch.stack(states, 1))


class SimpleRecurrent(nn.Module):
    """SRU: one product for all steps, gates that look at the state by a vector, a highway around."""

    def __init__(self, width=6):
        super().__init__()
        self.w, self.v, self.b = nn.Linear(width, 3 * width, bias=False), nn.Parameter(torch.randn(2, width)), nn.Parameter(torch.randn(2, width))
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        c, states = torch.zeros_like(x[:, 0]), []
        for t, u in enumerate(self.w(x).unbind(1)):
            new, forget, reset = u.chunk(3, -1)
            f = torch.sigmoid(forget + self.v[0] * c + self.b[0])
            r = torch.sigmoid(reset + self.v[1] * c + self.b[1])
            c = f * c + (1 - f) * new
            states.append(r * F.selu(c) + (1 - r) * x[:, t])
        return self.out(torch.stack(states, 1))


class IndependentRecurrent(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.w, self.u, self.out = nn.Linear(3, width), nn.Parameter(torch.rand(width)), nn.Linear(width, 2)

    def forward(self, x):
        h, u = torch.zeros(x.shape[0], self.u.shape[0]), self.u.clamp(-1.5, 1.5)
        for step in self.w(x).unbind(1):
            h = torch.relu(step + u * h)
        return self.out(h)


class ParallelScan(nn.Module):
    """minGRU, its recurrence as a cumulative sum of logarithms' exponentials."""

    def __init__(self, width=6):
        super().__init__()
        self.gate, self.new, self.out = nn.Linear(4, width), nn.Linear(4, width), nn.Linear(width, 2)

    def forward(self, x):
        k, new = self.gate(x), self.new(x)
        log_new = torch.where(new >= 0, (F.relu(new) + 0.5).log(), -F.softplus(-new))
        decay, value = -F.softplus(k), -F.softplus(-k) + log_new
        a = decay.cumsum(1)
        return self.out(a.exp() * (value - a).exp().cumsum(1))


class LongConvolution(nn.Module):
    """Hyena: filters made from sines of the position, applied as a Toeplitz product, gated twice."""

    def __init__(self, width=6, length=8):
        super().__init__()
        self.into, self.short = nn.Linear(width, 3 * width), nn.Conv1d(3 * width, 3 * width, 3, padding=2, groups=3 * width)
        self.filter, self.decay = nn.Sequential(nn.Linear(5, 10), nn.Linear(10, width)), nn.Parameter(torch.rand(width))
        self.bias, self.out, self.length = nn.Parameter(torch.randn(width)), nn.Linear(width, width), length
        t = torch.arange(length).float()
        self.register_buffer("position", torch.stack([t / length, *(f(2 * math.pi * k * t / length) for k in (1, 2) for f in (torch.sin, torch.cos))], -1))
        self.register_buffer("lag", (t[:, None] - t[None]).long())

    def forward(self, x):
        q, k, v = self.short(self.into(x).transpose(1, 2))[..., : self.length].chunk(3, 1)
        h = self.filter(torch.sin(self.position)) * torch.exp(-self.position[:, :1] * F.softplus(self.decay))
        toeplitz = torch.where((self.lag >= 0)[..., None], h[self.lag.clamp(min=0)], torch.zeros(()))
        z = k * v
        y = torch.einsum("tsc,ncs->nct", toeplitz, z) + self.bias[:, None] * z
        return self.out((q * y).transpose(1, 2))


class Retention(nn.Module):
    """RetNet: decay in place of softmax, rotated queries and keys, a group norm over each head, a gate."""

    def __init__(self, width=12, heads=2):
        super().__init__()
        self.heads, self.width = heads, width
        self.qkv, self.gate, self.out, self.norm = nn.Linear(width, 3 * width), nn.Linear(width, width), nn.Linear(width, 5), nn.GroupNorm(heads, width)
        self.register_buffer("gamma", 1 - 2.0 ** (-5 - torch.arange(heads).float()))

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = (y.view(n, t, self.heads, -1).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        angle = torch.arange(t).float()[:, None] * 10000 ** -torch.linspace(0, 1, q.shape[-1] // 2)

        def turned(y):
            a, b = y[..., ::2], y[..., 1::2]
            return torch.stack([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1).flatten(-2)

        lag = torch.arange(t)[:, None] - torch.arange(t)[None]
        decay = torch.where(lag >= 0, self.gamma[:, None, None] ** lag.clamp(min=0), torch.zeros(()))
        score = turned(q) @ turned(k).transpose(-1, -2) * decay / decay.sum(-1, keepdim=True).sqrt()
        score = score / score.detach().abs().sum(-1, keepdim=True).clamp(min=1)
        y = (score @ v).transpose(1, 2).reshape(n * t, c)
        return self.out(F.silu(self.gate(x)) * self.norm(y).view(n, t, c))


class LinearAttention(nn.Module):
    """elu + 1 features and sums over the past by cumulative sums."""

    def __init__(self, width=8):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        q, k, v = F.elu(self.q(x)) + 1, F.elu(self.k(x)) + 1, self.v(x)
        state = torch.einsum("ntk,ntv->ntkv", k, v).cumsum(1)
        total = (q * k.cumsum(1)).sum(-1, keepdim=True)
        return self.out(torch.einsum("ntk,ntkv->ntv", q, state) / (total + 1e-6))


class GatedLinear(nn.Module):
    """Griffin's recurrence: a diagonal decay to a power that a gate sets, its input scaled by √(1 − a²)."""

    def __init__(self, width=6):
        super().__init__()
        self.a, self.i, self.rate, self.out = nn.Linear(width, width), nn.Linear(width, width), nn.Parameter(torch.randn(width)), nn.Linear(width, width)

    def forward(self, x):
        log_a = -8 * torch.sigmoid(self.a(x)) * F.softplus(self.rate)
        a, b = log_a.exp(), torch.sqrt(-torch.expm1(2 * log_a)) * torch.sigmoid(self.i(x)) * x
        h, states = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            h = a[:, t] * h + b[:, t]
            states.append(h)
        return self.out(torch.stack(states, 1))


class StateSpace(nn.Module):
    """S4D: a diagonal complex state, written in real numbers; the kernel by a Vandermonde product, the convolution causal."""

    def __init__(self, width=4, state=3, length=10):
        super().__init__()
        self.log_step, self.log_real = nn.Parameter(torch.randn(width)), nn.Parameter(torch.randn(width, state))
        self.imaginary, self.c, self.d = nn.Parameter(torch.randn(width, state)), nn.Parameter(torch.randn(width, state, 2)), nn.Parameter(torch.randn(width))
        self.length, self.width, self.out = length, width, nn.Conv1d(width, 2 * width, 1)

    def forward(self, x):
        step = torch.exp(self.log_step)[:, None, None]
        t = torch.arange(self.length).float()
        grow = -torch.exp(self.log_real)[..., None] * step * t
        turn = self.imaginary[..., None] * step * t
        kernel = (grow.exp() * (self.c[..., :1] * turn.cos() - self.c[..., 1:] * turn.sin())).sum(1)
        y = F.conv1d(F.pad(x, (self.length - 1, 0)), kernel.flip(-1)[:, None], groups=self.width)
        return F.glu(self.out(F.gelu(y + self.d[:, None] * x)), 1)


class Adapted(nn.Module):
    """A frozen layer with a low-rank update, as adapters are trained, and one with a learned magnitude (DoRA)."""

    def __init__(self):
        super().__init__()
        self.base, self.a, self.b = nn.Linear(6, 8), nn.Parameter(torch.randn(2, 6)), nn.Parameter(torch.randn(8, 2))
        self.second, self.c, self.d, self.size = nn.Linear(8, 5), nn.Parameter(torch.randn(2, 8)), nn.Parameter(torch.randn(5, 2)), nn.Parameter(torch.rand(5, 1))

    def forward(self, x):
        h = F.silu(self.base(x) + 0.5 * (x @ self.a.t() @ self.b.t()))
        w = self.second.weight + self.d @ self.c
        return F.linear(h, self.size * w / w.norm(dim=1, keepdim=True), self.second.bias)


class RoutedExperts(nn.Module):
    """The weights of each token's two best experts are gathered; one shared expert beside."""

    def __init__(self, width=6, hidden=5, experts=4):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(width, experts, bias=False), nn.Parameter(torch.randn(experts, width, 2 * hidden)), nn.Parameter(torch.randn(experts, hidden, width))
        self.shared = nn.Linear(width, width)

    def forward(self, x):
        best, index = torch.topk(self.gate(x).softmax(-1), 2)
        best = best / best.sum(-1, keepdim=True)
        a, b = torch.einsum("nw,nkwh->nkh", x, self.up[index]).chunk(2, -1)
        each = torch.einsum("nkh,nkhw->nkw", F.silu(a) * b, self.down[index])
        return self.shared(x) + (best.unsqueeze(-1) * each).sum(1)


class Hopfield(nn.Module):
    """A modern Hopfield network: stored patterns retrieved in three steps."""

    def __init__(self):
        super().__init__()
        self.patterns, self.into, self.beta = nn.Parameter(torch.randn(7, 6)), nn.Linear(4, 6), nn.Parameter(torch.tensor(0.3))

    def forward(self, x):
        q = self.into(x)
        for _ in range(3):
            q = torch.softmax(self.beta.exp() * q @ self.patterns.t(), -1) @ self.patterns
        return q


class MemoryNetwork(nn.Module):
    """End-to-end memory: sentences as position-weighted bags, three hops, tables tied from hop to hop."""

    def __init__(self, width=6):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(20, width) for _ in range(4)])
        self.time = nn.Parameter(torch.randn(4, 5, width))
        j, k = torch.arange(1, 5)[:, None] / 4, torch.arange(1, width + 1)[None] / width
        self.register_buffer("weight", 1 - j - k * (1 - 2 * j))

    def forward(self, story, question):
        u = (self.tables[0](question) * self.weight).sum(1)
        for hop in range(3):
            m = (self.tables[hop](story) * self.weight).sum(2) + self.time[hop]
            c = (self.tables[hop + 1](story) * self.weight).sum(2) + self.time[hop + 1]
            u = u + torch.einsum("nm,nmw->nw", torch.einsum("nmw,nw->nm", m, u).softmax(-1), c)
        return u @ self.tables[3].weight.t()


class MixtureDensity(nn.Module):
    """The negative log-likelihood of y under a mixture that x chooses: a loss inside the graph."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(3, 10), nn.Tanh()), nn.Linear(10, 4 * 5)

    def forward(self, x, y):
        logits, mean, spread = self.head(self.body(x)).split([4, 8, 8], -1)
        mean, spread = mean.view(-1, 4, 2), spread.view(-1, 4, 2).exp() + 1e-3
        log = (-0.5 * ((y.unsqueeze(1) - mean) / spread).square() - spread.log() - 0.5 * math.log(2 * math.pi)).sum(-1)
        return -torch.logsumexp(torch.log_softmax(logits, -1) + log, -1)


class ChainField(nn.Module):
    """A linear-chain CRF: score of the given labels less the log-sum-exp over all."""

    def __init__(self, labels=4):
        super().__init__()
        self.emit, self.move = nn.GRU(5, labels, batch_first=True), nn.Parameter(torch.randn(labels, labels))
        self.start = nn.Parameter(torch.randn(labels))

    def forward(self, x, y):
        e, _ = self.emit(x)
        score = self.start[y[:, 0]] + e.gather(2, y.unsqueeze(-1)).squeeze(-1).sum(1) + self.move[y[:, :-1], y[:, 1:]].sum(1)
        a = self.start + e[:, 0]
        for t in range(1, x.shape[1]):
            a = torch.logsumexp(a.unsqueeze(2) + self.move, 1) + e[:, t]
        return score - torch.logsumexp(a, -1)


class Halting(nn.Module):
    """Adaptive computation time of four steps: the state is weighted by when each row halts."""

    def __init__(self, width=8):
        super().__init__()
        self.cell, self.halt, self.out = nn.GRUCell(5, width), nn.Linear(width, 1), nn.Linear(width, 3)

    def forward(self, x):
        h, left, total = torch.zeros(x.shape[0], 8), torch.ones(x.shape[0], 1), 0
        for step in range(4):
            h = self.cell(torch.cat([x, torch.full((x.shape[0], 1), float(step == 0))], -1), h)
            p = torch.sigmoid(self.halt(h)) if step < 3 else torch.ones_like(left)
            p = torch.minimum(p, left)
            total, left = total + p * h, left - p
        return self.out(total)


class Highway(nn.Module):
    """Characters by convolutions of several widths, their maxima through highways."""

    def __init__(self):
        super().__init__()
        self.embed, self.convs = nn.Embedding(30, 5), nn.ModuleList([nn.Conv1d(5, 4, k) for k in (1, 2, 3)])
        self.gate, self.new = nn.ModuleList([nn.Linear(12, 12) for _ in range(2)]), nn.ModuleList([nn.Linear(12, 12) for _ in range(2)])

    def forward(self, ids):
        x = self.embed(ids).transpose(1, 2)
        h = torch.cat([torch.tanh(conv(x)).amax(-1) for conv in self.convs], -1)
        for gate, new in zip(self.gate, self.new):
            t = torch.sigmoid(gate(h) - 2)
            h = t * torch.relu(new(h)) + (1 - t) * h
        return h


architectures = [
    made(QuasiRecurrent, drawn(2, 6, 4)), made(SimpleRecurrent, drawn(2, 5, 6)), made(IndependentRecurrent, drawn(2, 6, 3)), made(ParallelScan, drawn(2, 6, 4)),
    made(LongConvolution, drawn(2, 8, 6)), made(Retention, drawn(2, 6, 12)), made(LinearAttention, drawn(2, 6, 8)), made(GatedLinear, drawn(2, 5, 6)),
    made(StateSpace, drawn(2, 4, 10)), made(Adapted, drawn(4, 6)), made(RoutedExperts, drawn(5, 6)), made(Hopfield, drawn(4, 4)),
    made(MemoryNetwork, lambda: (torch.randint(0, 20, (2, 5, 4)), torch.randint(0, 20, (2, 4)))),
    made(MixtureDensity, lambda: (torch.randn(4, 3), torch.randn(4, 2))),
    made(ChainField, lambda: (torch.randn(3, 5, 5), torch.randint(0, 4, (3, 5)))),
    made(Halting, drawn(4, 4)),
    made(Highway, lambda: (torch.randint(0, 30, (3, 7)),)),
]  # fmt: skip
