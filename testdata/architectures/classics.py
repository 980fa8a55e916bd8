"""Networks of papers that no library has, written by hand for export.py: sequences, graphs, generators, recommenders."""

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations


def made(cls, inputs, name=None, **options):
    def make():
        return cls(**options), inputs()

    make.__name__ = name or cls.__name__
    return make


def drawn(*shape):
    return lambda: (torch.randn(*shape),)


class VariationalAutoencoder(nn.Module):
    """Noise is an input; what comes out is the reconstruction and the divergence side by side."""

    def __init__(self):
        super().__init__()
        self.encode, self.mean, self.spread = nn.Linear(8, 12), nn.Linear(12, 3), nn.Linear(12, 3)
        self.decode = nn.Sequential(nn.Linear(3, 12), nn.ELU(), nn.Linear(12, 8))

    def forward(self, x, noise):
        h = torch.tanh(self.encode(x))
        mean, log_variance = self.mean(h), self.spread(h).clamp(-4, 4)
        y = self.decode(mean + noise * torch.exp(0.5 * log_variance))
        divergence = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum(-1, keepdim=True)
        return torch.cat([y.sigmoid(), divergence], -1)


class Discriminator(nn.Module):
    """Spectrally normalised convolutions and the spread over the batch as one more channel."""

    def __init__(self):
        super().__init__()
        self.a = parametrizations.spectral_norm(nn.Conv2d(3, 8, 4, 2, 1))
        self.b = parametrizations.spectral_norm(nn.Conv2d(8, 12, 4, 2, 1))
        self.c = nn.Conv2d(13, 1, 4)

    def forward(self, x):
        h = F.leaky_relu(self.b(F.leaky_relu(self.a(x), 0.2)), 0.2)
        spread = (h.var(0, unbiased=False) + 1e-8).sqrt().mean().expand(h.shape[0], 1, *h.shape[2:])
        return self.c(torch.cat([h, spread], 1)).flatten(1)


class Generator(nn.Module):
    """From noise and a class by transposed convolutions, normalised by statistics of each class."""

    def __init__(self):
        super().__init__()
        self.start, self.norm, self.label = nn.ConvTranspose2d(5, 12, 4), nn.BatchNorm2d(12, affine=False), nn.Embedding(4, 24)
        self.up, self.last = nn.ConvTranspose2d(12, 8, 4, 2, 1), nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(8)

    def forward(self, z, kind):
        scale, shift = self.label(kind)[:, :, None, None].chunk(2, 1)
        h = torch.relu(self.norm(self.start(z[:, :, None, None])) * (1 + scale) + shift)
        return torch.tanh(self.last(torch.relu(self.norm2(self.up(h)))))


class Denoiser(nn.Module):
    """A diffusion model's step: sines of the time move every block; attention in the middle."""

    def __init__(self, width=8):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 2 * width))
        self.first, self.down = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.n1, self.n2, self.qkv = nn.GroupNorm(2, width), nn.GroupNorm(4, 2 * width), nn.Conv2d(2 * width, 6 * width, 1)
        self.out, self.up = nn.Conv2d(2 * width, 2 * width, 1), nn.Conv2d(3 * width, width, 3, padding=1)
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x, t):
        rate = torch.exp(torch.arange(8) * (-math.log(1e4) / 7))
        angle = t.float()[:, None] * rate[None]
        moved = self.time(torch.cat([angle.sin(), angle.cos()], -1))[:, :, None, None]
        a = F.silu(self.n1(self.first(x)))
        b = self.down(a) + moved
        n, c, h, w = b.shape
        q, k, v = self.qkv(self.n2(b)).view(n, 3, 2, c // 2, h * w).unbind(1)
        weights = torch.einsum("nhcq,nhck->nhqk", q, k).mul(1 / math.sqrt(c // 2)).softmax(-1)
        b = b + self.out(torch.einsum("nhqk,nhck->nhcq", weights, v).reshape(n, c, h, w))
        return self.last(F.silu(self.up(torch.cat([a, F.interpolate(b, scale_factor=2, mode="nearest")], 1))))


class WaveNet(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.embed, self.condition = nn.Embedding(16, width), nn.Linear(3, 2 * width)
        self.dilated = nn.ModuleList([nn.Conv1d(width, 2 * width, 2, dilation=2**i) for i in range(3)])
        self.residual = nn.ModuleList([nn.Conv1d(width, width, 1) for _ in range(3)])
        self.skip = nn.ModuleList([nn.Conv1d(width, 10, 1) for _ in range(3)])
        self.out = nn.Conv1d(10, 16, 1)

    def forward(self, ids, speaker):
        h, total = self.embed(ids).transpose(1, 2), 0
        for dilated, residual, skip in zip(self.dilated, self.residual, self.skip):
            pad = dilated.dilation[0]
            gate, value = (dilated(F.pad(h, (pad, 0))) + self.condition(speaker).unsqueeze(-1)).chunk(2, 1)
            z = torch.sigmoid(gate) * torch.tanh(value)
            h, total = h + residual(z), total + skip(z)
        return self.out(torch.relu(total))


class TemporalBlocks(nn.Module):
    """Causal convolutions with weight normalisation of the old kind, chomped."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([parametrizations.weight_norm(nn.Conv1d(c, 8, 3, padding=2 * d, dilation=d)) for c, d in ((4, 1), (8, 2))])
        self.side, self.out = nn.Conv1d(4, 8, 1), nn.Linear(8, 3)

    def forward(self, x):
        h = x
        for conv in self.convs:
            h = torch.relu(conv(h)[..., : -conv.padding[0]])
        return self.out(torch.relu(h + self.side(x))[..., -1])


class Translator(nn.Module):
    """An encoder LSTM, a decoder of cells with additive attention that feeds its own choice of context back."""

    def __init__(self, width=8):
        super().__init__()
        self.source, self.target = nn.Embedding(20, width), nn.Embedding(20, width)
        self.encoder, self.cell = nn.LSTM(width, width, bidirectional=True, batch_first=True), nn.LSTMCell(3 * width, width)
        self.query, self.key, self.score = nn.Linear(width, width), nn.Linear(2 * width, width), nn.Linear(width, 1, bias=False)
        self.bridge, self.out = nn.Linear(2 * width, width), nn.Linear(3 * width, 20)

    def forward(self, source, target):
        states, (h, _) = self.encoder(self.source(source))
        h = torch.tanh(self.bridge(torch.cat([h[0], h[1]], -1)))
        c, context, keys, outputs = torch.zeros_like(h), states.mean(1), self.key(states), []
        for t in range(target.shape[1]):
            h, c = self.cell(torch.cat([self.target(target[:, t]), context], -1), (h, c))
            score = self.score(torch.tanh(self.query(h).unsqueeze(1) + keys)).squeeze(-1)
            score = score.masked_fill(source == 0, -1e9)
            context = torch.bmm(score.softmax(-1).unsqueeze(1), states).squeeze(1)
            outputs.append(self.out(torch.cat([h, context], -1)))
        return torch.stack(outputs, 1)


class Pointer(nn.Module):
    """Points at its inputs one after another; what was pointed at is masked out."""

    def __init__(self, width=8):
        super().__init__()
        self.encoder, self.cell = nn.GRU(2, width, batch_first=True), nn.GRUCell(width, width)
        self.a, self.b, self.v = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, x):
        states, h = self.encoder(x)
        h, step, gone, outputs = h[0], states.mean(1), torch.zeros(x.shape[:2]), []
        for _ in range(3):
            h = self.cell(step, h)
            logits = self.v(torch.tanh(self.a(states) + self.b(h).unsqueeze(1))).squeeze(-1) - 1e4 * gone
            chosen = F.one_hot(logits.argmax(-1), x.shape[1]).float()
            gone = gone + chosen
            step = (chosen.unsqueeze(-1) * states).sum(1)
            outputs.append(torch.log_softmax(logits, -1))
        return torch.stack(outputs, 1).clamp(min=-50)


class Turing(nn.Module):
    """A neural Turing machine: cosine addressing, interpolation, a circular shift, sharpening, erase and add."""

    def __init__(self, slots=6, width=5):
        super().__init__()
        self.slots, self.width = slots, width
        self.controller, self.memory = nn.LSTMCell(3 + width, 10), nn.Parameter(torch.randn(slots, width))
        self.head, self.out = nn.Linear(10, 3 * width + 6), nn.Linear(10 + width, 3)

    def forward(self, x):
        n = x.shape[0]
        memory, read = self.memory.expand(n, -1, -1), torch.zeros(n, self.width)
        h = c = torch.zeros(n, 10)
        w, outputs = torch.full((n, self.slots), 1 / self.slots), []
        for t in range(x.shape[1]):
            h, c = self.controller(torch.cat([x[:, t], read], -1), (h, c))
            key, erase, add, rest = self.head(h).split([self.width] * 3 + [6], -1)
            strength, gate, sharp = F.softplus(rest[:, :1]), torch.sigmoid(rest[:, 1:2]), 1 + F.softplus(rest[:, 2:3])
            found = (strength * F.cosine_similarity(key.unsqueeze(1), memory, dim=-1)).softmax(-1)
            w = gate * found + (1 - gate) * w
            shift = rest[:, 3:].softmax(-1)
            w = sum(shift[:, i : i + 1] * torch.roll(w, i - 1, 1) for i in range(3))
            w = w.pow(sharp)
            w = w / w.sum(-1, keepdim=True)
            memory = memory * (1 - w.unsqueeze(-1) * torch.sigmoid(erase).unsqueeze(1)) + w.unsqueeze(-1) * add.unsqueeze(1)
            read = torch.einsum("ns,nsw->nw", w, memory)
            outputs.append(self.out(torch.cat([h, read], -1)))
        return torch.stack(outputs, 1)


class InterestNetwork(nn.Module):
    """Click prediction: what was clicked is weighted by its likeness to the candidate; Dice activations."""

    def __init__(self, width=6):
        super().__init__()
        self.item, self.user = nn.Embedding(30, width, padding_idx=0), nn.Embedding(10, width)
        self.attend = nn.Sequential(nn.Linear(4 * width, 8), nn.Sigmoid(), nn.Linear(8, 1))
        self.a, self.norm, self.alpha = nn.Linear(3 * width, 10), nn.BatchNorm1d(10, affine=False), nn.Parameter(torch.zeros(10))
        self.b = nn.Linear(10, 1)

    def forward(self, user, candidate, history):
        c, h = self.item(candidate).unsqueeze(1).expand(-1, history.shape[1], -1), self.item(history)
        weight = self.attend(torch.cat([c, h, c - h, c * h], -1)) * (history > 0).unsqueeze(-1)
        z = self.a(torch.cat([self.user(user), c[:, 0], (weight * h).sum(1)], -1))
        p = torch.sigmoid(self.norm(z))
        return self.b(p * z + (1 - p) * self.alpha * z)


class DeepCross(nn.Module):
    """Cross layers of the second version, experts of low rank with gates, beside a deep tower."""

    def __init__(self, width=9, rank=3, experts=2):
        super().__init__()
        self.table = nn.Embedding(40, 3)
        self.u, self.v = nn.Parameter(torch.randn(2, experts, width, rank)), nn.Parameter(torch.randn(2, experts, width, rank))
        self.c, self.bias = nn.Parameter(torch.randn(2, experts, rank, rank)), nn.Parameter(torch.randn(2, width))
        self.gate, self.deep = nn.Linear(width, experts), nn.Sequential(nn.Linear(width, 8), nn.ReLU6(), nn.Linear(8, 5))
        self.out = nn.Linear(width + 5, 1)

    def forward(self, ids):
        x = x0 = self.table(ids + torch.tensor([0, 10, 25])).flatten(1)
        for i in range(2):
            low = torch.tanh(torch.einsum("bw,ewr->ber", x, self.v[i]))
            low = torch.tanh(torch.einsum("ber,ers->bes", low, self.c[i]))
            each = x0.unsqueeze(1) * (torch.einsum("bes,ews->bew", low, self.u[i]) + self.bias[i])
            x = x + (self.gate(x).softmax(-1).unsqueeze(-1) * each).sum(1)
        return self.out(torch.cat([x, self.deep(x0)], -1))


class TwoTowers(nn.Module):
    """Queries and items meet in a scaled cosine, every query with every item of the batch."""

    def __init__(self):
        super().__init__()
        self.query, self.item = nn.EmbeddingBag(30, 8, mode="mean"), nn.Embedding(20, 8)
        self.q, self.i, self.scale = nn.Linear(8, 6), nn.Linear(8, 6), nn.Parameter(torch.tensor(1.5))

    def forward(self, words, item):
        q, i = F.normalize(self.q(self.query(words)), dim=-1), F.normalize(self.i(torch.relu(self.item(item))), dim=-1)
        return q @ i.t() * self.scale.exp().clamp(max=100)


class Filtering(nn.Module):
    """Neural collaborative filtering: a product of embeddings beside a perceptron of others."""

    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(12, 8), nn.Embedding(15, 8)
        self.deep = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())
        self.out = nn.Linear(8, 1)

    def forward(self, pair):
        u, i = self.user(pair[:, 0]), self.item(pair[:, 1])
        return self.out(torch.cat([u[:, :4] * i[:, :4], self.deep(torch.cat([u[:, 4:], i[:, 4:]], -1))], -1)).squeeze(-1)


class GraphConvolution(nn.Module):
    """Symmetrically normalised adjacency, dense; the degree is counted in the graph."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 10), nn.Linear(10, 3)

    def forward(self, x, adjacency):
        a = adjacency + torch.eye(x.shape[0])
        d = a.sum(-1).clamp(min=1).pow(-0.5)
        a = d[:, None] * a * d[None]
        return self.b(a @ torch.relu(a @ self.a(x)))


class GraphSage(nn.Module):
    """Neighbours' maximum by scatter_reduce, and their mean, joined; rows of length one."""

    def __init__(self, width=8):
        super().__init__()
        self.pool, self.a, self.b = nn.Linear(4, width), nn.Linear(4 + 2 * width, width), nn.Linear(width, 3)

    def forward(self, x, source, target):
        m = torch.relu(self.pool(x))[source]
        at = target[:, None].expand_as(m)
        most = torch.zeros(x.shape[0], m.shape[1]).scatter_reduce(0, at, m, "amax", include_self=True)
        total = torch.zeros(x.shape[0], m.shape[1]).scatter_add(0, at, m)
        count = torch.zeros(x.shape[0]).scatter_add(0, target, torch.ones(target.shape[0])).clamp(min=1)
        h = self.a(torch.cat([x, most, total / count[:, None]], -1))
        return self.b(F.normalize(h, dim=-1))


class Isomorphism(nn.Module):
    """GIN: sums of neighbours, learned ε, batch normalisation, all layers read out by graph."""

    def __init__(self, width=8):
        super().__init__()
        self.epsilon = nn.Parameter(torch.zeros(2))
        self.nets = nn.ModuleList([nn.Sequential(nn.Linear(c, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()) for c in (4, width)])
        self.read = nn.ModuleList([nn.Linear(c, 3) for c in (4, width, width)])

    def forward(self, x, adjacency, graph):
        member = F.one_hot(graph, 2).float().t()
        y = self.read[0](member @ x)
        for i, net in enumerate(self.nets):
            x = net((1 + self.epsilon[i]) * x + adjacency @ x)
            y = y + self.read[i + 1](member @ x)
        return y


class SetTransformer(nn.Module):
    """Induced attention over a set and pooling by a learned seed."""

    def __init__(self, width=8):
        super().__init__()
        self.lift, self.points, self.seed = nn.Linear(3, width), nn.Parameter(torch.randn(1, 3, width)), nn.Parameter(torch.randn(1, 2, width))
        self.inward, self.outward, self.pool = (nn.MultiheadAttention(width, 2, batch_first=True) for _ in range(3))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(2 * width, 2)

    def forward(self, x):
        n, h = x.shape[0], self.lift(x)
        few = self.inward(self.points.expand(n, -1, -1), h, h, need_weights=False)[0]
        h = self.norm(h + torch.relu(self.outward(h, few, few, need_weights=False)[0]))
        return self.out(self.pool(self.seed.expand(n, -1, -1), h, h)[0].flatten(1))


def edges(nodes, count):
    return (torch.randn(nodes, 4), torch.randint(0, nodes, (count,)), torch.randint(0, nodes, (count,)))


architectures = [
    made(VariationalAutoencoder, lambda: (torch.rand(4, 8), torch.randn(4, 3))),
    made(Discriminator, drawn(3, 3, 16, 16)),
    made(Generator, lambda: (torch.randn(3, 5), torch.randint(0, 4, (3,)))),
    made(Denoiser, lambda: (torch.randn(2, 3, 8, 8), torch.randint(0, 1000, (2,)))),
    made(WaveNet, lambda: (torch.randint(0, 16, (2, 12)), torch.randn(2, 3))),
    made(TemporalBlocks, drawn(3, 4, 10)),
    made(Translator, lambda: (torch.randint(1, 20, (2, 5)), torch.randint(0, 20, (2, 3)))),
    made(Pointer, drawn(3, 5, 2)),
    made(Turing, drawn(2, 3, 3)),
    made(InterestNetwork, lambda: (torch.randint(0, 10, (4,)), torch.randint(1, 30, (4,)), torch.randint(0, 30, (4, 5)))),
    made(DeepCross, lambda: (torch.stack([torch.randint(0, n, (4,)) for n in (10, 15, 15)], -1),)),
    made(TwoTowers, lambda: (torch.randint(0, 30, (4, 5)), torch.randint(0, 20, (4,)))),
    made(Filtering, lambda: (torch.stack([torch.randint(0, 12, (5,)), torch.randint(0, 15, (5,))], -1),)),
    made(GraphConvolution, lambda: (torch.randn(6, 4), (torch.rand(6, 6) > 0.5).float())),
    made(GraphSage, lambda: edges(6, 12)),
    made(Isomorphism, lambda: (torch.randn(6, 4), (torch.rand(6, 6) > 0.5).float(), torch.randint(0, 2, (6,)))),
    made(SetTransformer, drawn(3, 6, 3)),
]
