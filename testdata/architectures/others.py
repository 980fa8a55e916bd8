"""Still other architectures for export.py, of kinds that export.py and more.py do not have."""

import torch
from more import Named, ids, images, small, timm_model, torchvision_model
from torch import nn


def full_size(name, size=64):
    make = torchvision_model(name, size)
    make.__name__ = f"full_{name}"
    return make


def video_resnet():
    import torchvision

    return torchvision.models.video.r3d_18(num_classes=10), (torch.randn(1, 3, 4, 16, 16),)


def segmentation():
    import torchvision

    model = torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5)

    class Out(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x)["out"]

    return Out(), images(64, 1)


def transformers_model(name, config, inputs, output="logits", kwargs=("input_ids", "attention_mask"), **options):
    def make():
        import transformers

        settings = getattr(transformers, config)(**options)
        settings._attn_implementation = "eager"
        settings.use_cache = False
        return Named(getattr(transformers, name)(settings), output, kwargs), inputs()

    make.__name__ = name
    return make


def pairs():
    source, mask = ids()
    return source, mask, torch.randint(0, 65, (2, 6))


def convmixer():
    from timm.models.convmixer import ConvMixer

    return ConvMixer(dim=16, depth=2, kernel_size=5, patch_size=4, num_classes=10), images()


def gated_mlp():
    from timm.layers import GatedMlp
    from timm.models.mlp_mixer import MlpMixer, SpatialGatingBlock

    return MlpMixer(img_size=32, patch_size=8, embed_dim=24, num_blocks=2, mlp_ratio=4, block_layer=SpatialGatingBlock, mlp_layer=GatedMlp, num_classes=10), images()


class CellLoop(nn.Module):
    """An LSTM cell stepped by hand, with attention over what it has seen."""

    def __init__(self):
        super().__init__()
        self.cell, self.key, self.out = nn.LSTMCell(5, 8), nn.Linear(8, 8), nn.Linear(16, 3)

    def forward(self, x):
        h = c = torch.zeros(x.shape[0], 8)
        seen = []
        for t in range(x.shape[1]):
            h, c = self.cell(x[:, t], (h, c))
            seen.append(h)
        states = torch.stack(seen, 1)
        weights = torch.softmax((states @ self.key(h).unsqueeze(-1)).squeeze(-1), -1)
        return self.out(torch.cat([h, torch.einsum("bt,bth->bh", weights, states)], -1))


def cell_loop():
    return CellLoop(), (torch.randn(3, 5, 5),)


class Projected(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 10, 2, batch_first=True), nn.Linear(10, 2)
        self.h, self.c = nn.Parameter(torch.randn(2, 1, 10)), nn.Parameter(torch.randn(2, 1, 10))

    def forward(self, x):
        n = x.shape[0]
        y, _ = self.lstm(x, (self.h.expand(-1, n, -1).contiguous(), self.c.expand(-1, n, -1).contiguous()))
        return self.out(y)


def learned_state():
    return Projected(), (torch.randn(2, 6, 4),)


class ConvRecurrent(nn.Module):
    """A convolutional GRU over frames."""

    def __init__(self, width=6):
        super().__init__()
        self.gates, self.new = nn.Conv2d(3 + width, 2 * width, 3, padding=1), nn.Conv2d(3 + width, width, 3, padding=1)
        self.width, self.out = width, nn.Conv2d(width, 2, 1)

    def forward(self, x):
        h = torch.zeros(x.shape[0], self.width, *x.shape[3:])
        for t in range(x.shape[1]):
            r, z = torch.sigmoid(self.gates(torch.cat([x[:, t], h], 1))).chunk(2, 1)
            h = (1 - z) * h + z * torch.tanh(self.new(torch.cat([x[:, t], r * h], 1)))
        return self.out(h)


def conv_recurrent():
    return ConvRecurrent(), (torch.randn(2, 3, 3, 6, 6),)


class EdgeAttention(nn.Module):
    """Attention over the edges of a graph, normalised over each node's neighbours."""

    def __init__(self, width=8):
        super().__init__()
        self.w, self.a, self.out = nn.Linear(4, width), nn.Linear(2 * width, 1), nn.Linear(width, 3)

    def forward(self, x, source, target):
        h = self.w(x)
        score = nn.functional.leaky_relu(self.a(torch.cat([h[source], h[target]], -1)).squeeze(-1), 0.2)
        raised = score.exp()
        total = torch.zeros(x.shape[0]).index_add(0, target, raised)
        weight = raised / (total[target] + 1e-6)
        return self.out(torch.zeros_like(h).index_add(0, target, weight.unsqueeze(-1) * h[source]))


def edge_attention():
    return EdgeAttention(), (torch.randn(7, 4), torch.randint(0, 7, (12,)), torch.randint(0, 7, (12,)))


class Equivariant(nn.Module):
    """Messages from distances that move the nodes: one layer of an E(n) equivariant network."""

    def __init__(self, width=8):
        super().__init__()
        self.message = nn.Sequential(nn.Linear(2 * 4 + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.move, self.update = nn.Linear(width, 1, bias=False), nn.Linear(4 + width, 4)

    def forward(self, h, x):
        n = h.shape[0]
        difference = x.unsqueeze(1) - x.unsqueeze(0)
        squared = difference.square().sum(-1, keepdim=True)
        m = self.message(torch.cat([h.unsqueeze(1).expand(n, n, -1), h.unsqueeze(0).expand(n, n, -1), squared], -1))
        x = x + (difference / (squared + 1).sqrt() * self.move(m)).mean(1)
        return torch.cat([self.update(torch.cat([h, m.sum(1)], -1)), x], -1)


def equivariant():
    return Equivariant(), (torch.randn(5, 4), torch.randn(5, 3))


class Flow(nn.Module):
    """Affine couplings with their log-determinant."""

    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList([nn.Sequential(nn.Linear(3, 12), nn.Tanh(), nn.Linear(12, 6)) for _ in range(3)])

    def forward(self, x):
        total = torch.zeros(x.shape[0], 1)
        for net in self.nets:
            a, b = x.split(3, -1)
            shift, log_scale = net(a).chunk(2, -1)
            log_scale = 2 * torch.tanh(log_scale / 2)
            x = torch.cat([b * log_scale.exp() + shift, a], -1)
            total = total + log_scale.sum(-1, keepdim=True)
        return total - 0.5 * x.square().sum(-1, keepdim=True)


def flow():
    return Flow(), (torch.randn(4, 6),)


class DifferentialEquation(nn.Module):
    """Four Runge–Kutta steps of a learned field."""

    def __init__(self):
        super().__init__()
        self.field = nn.Sequential(nn.Linear(3, 12), nn.Softplus(), nn.Linear(12, 3))

    def forward(self, x):
        h = 0.25
        for _ in range(4):
            k1 = self.field(x)
            k2 = self.field(x + h / 2 * k1)
            k3 = self.field(x + h / 2 * k2)
            k4 = self.field(x + h * k3)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return x


def differential_equation():
    return DifferentialEquation(), (torch.randn(4, 3),)


class Splines(nn.Module):
    """A Kolmogorov–Arnold layer: cubic B-splines on each edge, beside SiLU."""

    def __init__(self, inputs=3, outputs=4, cells=5, order=3):
        super().__init__()
        self.order = order
        self.register_buffer("knots", torch.linspace(-2.2, 2.2, cells + 2 * order + 1))
        self.coefficients = nn.Parameter(torch.randn(outputs, inputs, cells + order))
        self.base = nn.Linear(inputs, outputs)

    def forward(self, x):
        k, x_ = self.knots, x.unsqueeze(-1)
        b = ((x_ >= k[:-1]) & (x_ < k[1:])).to(x.dtype)
        for p in range(1, self.order + 1):
            left = (x_ - k[: -p - 1]) / (k[p:-1] - k[: -p - 1]) * b[..., :-1]
            right = (k[p + 1 :] - x_) / (k[p + 1 :] - k[1:-p]) * b[..., 1:]
            b = left + right
        return self.base(nn.functional.silu(x)) + torch.einsum("big,oig->bo", b, self.coefficients)


def splines():
    return Splines(), (torch.randn(6, 3),)


class Sparsemax(nn.Module):
    """TabNet's attentive step: features chosen by sparsemax, by sorting."""

    def __init__(self, width=6):
        super().__init__()
        self.mask, self.use = nn.Linear(width, width), nn.Sequential(nn.Linear(width, 16), nn.GLU(), nn.Linear(8, 3))

    def forward(self, x):
        z = self.mask(x)
        ordered = z.sort(-1, descending=True).values
        k = torch.arange(1, z.shape[-1] + 1, dtype=x.dtype)
        support = (1 + k * ordered > ordered.cumsum(-1)).to(x.dtype)
        size = support.sum(-1, keepdim=True)
        threshold = ((ordered * support).sum(-1, keepdim=True) - 1) / size
        return self.use(torch.relu(z - threshold) * x)


def sparsemax():
    return Sparsemax(), (torch.randn(5, 6),)


class Crossed(nn.Module):
    """A recommender of crossed features: bags of categories, pairwise products, low-rank crosses."""

    def __init__(self, width=6):
        super().__init__()
        self.bags = nn.ModuleList([nn.EmbeddingBag(20, width, mode=mode) for mode in ("mean", "sum", "max")])
        self.dense = nn.Linear(4, width)
        self.u, self.v = nn.Linear(4 * width, 3, bias=False), nn.Linear(3, 4 * width)
        self.out = nn.Linear(4 * width + 6, 1)

    def forward(self, x, a, b, c):
        parts = [self.dense(x)] + [bag(one) for bag, one in zip(self.bags, (a, b, c))]
        joined = torch.cat(parts, -1)
        stacked = torch.stack(parts, 1)
        products = stacked @ stacked.transpose(1, 2)
        i, j = torch.tril_indices(4, 4, -1)
        return self.out(torch.cat([joined * self.v(self.u(joined)) + joined, products[:, i, j]], -1))


def crossed():
    return Crossed(), (torch.randn(3, 4), *(torch.randint(0, 20, (3, 5)) for _ in range(3)))


class Modulated(nn.Module):
    """A generator whose convolutions are scaled by a style and normalised again, as in StyleGAN 2."""

    def __init__(self, width=6):
        super().__init__()
        self.start, self.style = nn.Parameter(torch.randn(1, width, 4, 4)), nn.Linear(5, width)
        self.weight, self.out = nn.Parameter(torch.randn(width, width, 3, 3)), nn.Conv2d(width, 3, 1)

    def forward(self, z):
        w = self.weight.unsqueeze(0) * (1 + self.style(z))[:, None, :, None, None]
        w = w * (w.square().sum((2, 3, 4), keepdim=True) + 1e-6).rsqrt()
        n = z.shape[0]
        x = nn.functional.interpolate(self.start.expand(n, -1, -1, -1), scale_factor=2.0, mode="bilinear", align_corners=False)
        y = nn.functional.conv2d(x.reshape(1, -1, 8, 8), w.flatten(0, 1), padding=1, groups=n).view(n, -1, 8, 8)
        return torch.tanh(self.out(nn.functional.leaky_relu(y, 0.2)))


def modulated():
    return Modulated(), (torch.randn(2, 5),)


class Capsules(nn.Module):
    """Capsules routed by agreement, three rounds."""

    def __init__(self):
        super().__init__()
        self.conv, self.w = nn.Conv2d(1, 8, 3, 2), nn.Parameter(torch.randn(1, 18, 3, 5, 4) / 2)

    def forward(self, x):
        u = self.conv(x).view(x.shape[0], 18, 1, 4, 1)
        votes = (self.w @ u).squeeze(-1)
        b = torch.zeros(x.shape[0], 18, 3, 1)
        for _ in range(3):
            s = (b.softmax(2) * votes).sum(1, keepdim=True)
            norm = s.square().sum(-1, keepdim=True)
            v = norm / (1 + norm) * s / (norm + 1e-8).sqrt()
            b = b + (votes * v).sum(-1, keepdim=True)
        return v.squeeze(1).square().sum(-1).add(1e-8).sqrt()


def capsules():
    return Capsules(), (torch.randn(2, 1, 7, 7),)


class Radiance(nn.Module):
    """A radiance field: positions as sines, colours composed along each ray."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3 + 24, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
        self.density, self.colour = nn.Linear(16, 1), nn.Linear(16, 3)

    def forward(self, x):
        scaled = x.unsqueeze(-1) * 2.0 ** torch.arange(4)
        h = self.body(torch.cat([x, scaled.sin().flatten(-2), scaled.cos().flatten(-2)], -1))
        alpha = 1 - torch.exp(-nn.functional.softplus(self.density(h)) * 0.1)
        through = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], 1), 1)[:, :-1]
        return (through * alpha * torch.sigmoid(self.colour(h))).sum(1)


def radiance():
    return Radiance(), (torch.rand(3, 6, 3),)


class GroupNormed(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.n, self.b = nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.Conv2d(8, 4, 3)

    def forward(self, x):
        return self.b(nn.functional.silu(self.n(self.a(x)))).mean((2, 3))


def group_normed():
    return GroupNormed(), images(8)


architectures = [
    full_size("vgg11_bn", 32), full_size("resnet18"), full_size("mobilenet_v2"),
    full_size("efficientnet_b0"), full_size("mobilenet_v3_large"), full_size("resnext50_32x4d"),
    video_resnet, segmentation,
    timm_model("res2net50_14w_8s", size=64), timm_model("ghostnet_050", size=64), timm_model("repvgg_a0", size=32), timm_model("nf_regnet_b0", size=64),
    timm_model("cait_xxs24_224", img_size=32, patch_size=8, embed_dim=24, depth=2, depth_token_only=1, num_heads=3),
    convmixer, gated_mlp,
    timm_model("coatnet_nano_rw_224", size=64, img_size=64, depths=(1, 1, 1, 1), embed_dim=(8, 16, 24, 32), stem_width=(8, 8)),
    timm_model("xcit_nano_12_p16_224", img_size=32, embed_dim=24, depth=2, num_heads=3), timm_model("eva02_tiny_patch14_224", size=28, img_size=28, patch_size=7, embed_dim=24, depth=2, num_heads=3),
    timm_model("sequencer2d_s", size=28, img_size=28, layers=(1, 1), patch_sizes=(7, 2), embed_dims=(12, 24), hidden_sizes=(6, 6), mlp_ratios=(2.0, 2.0)),
    transformers_model("T5ForConditionalGeneration", "T5Config", pairs, kwargs=("input_ids", "attention_mask", "decoder_input_ids"), vocab_size=65, d_model=24, d_kv=8, d_ff=40, num_layers=1, num_heads=3),
    transformers_model("BartForConditionalGeneration", "BartConfig", pairs, kwargs=("input_ids", "attention_mask", "decoder_input_ids"), vocab_size=65, d_model=24, encoder_layers=1, decoder_layers=1, encoder_attention_heads=3, decoder_attention_heads=3, encoder_ffn_dim=40, decoder_ffn_dim=40, max_position_embeddings=32),
    transformers_model("PhiForCausalLM", "PhiConfig", ids, **small), transformers_model("FalconForCausalLM", "FalconConfig", ids, vocab_size=65, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, alibi=True),
    transformers_model("GPTJForCausalLM", "GPTJConfig", ids, vocab_size=65, n_embd=24, n_layer=1, n_head=3, rotary_dim=4, n_positions=32),
    transformers_model("FNetForMaskedLM", "FNetConfig", lambda: ids()[:1], vocab_size=65, hidden_size=24, num_hidden_layers=1, intermediate_size=40),
    transformers_model("XLNetLMHeadModel", "XLNetConfig", ids, vocab_size=65, d_model=24, n_layer=1, n_head=3, d_inner=40),
    transformers_model("Mamba2ForCausalLM", "Mamba2Config", lambda: ids()[:1], vocab_size=65, hidden_size=16, num_hidden_layers=1, num_heads=4, head_dim=8, state_size=8, n_groups=1, expand=2, chunk_size=4),
    transformers_model("MixtralForCausalLM", "MixtralConfig", ids, num_key_value_heads=2, num_local_experts=3, **small),
    transformers_model("WhisperForAudioClassification", "WhisperConfig", lambda: (torch.randn(1, 8, 20),), kwargs=("input_features",), num_mel_bins=8, d_model=16, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=24, max_source_positions=10, classifier_proj_size=8, num_labels=3, decoder_layers=1, vocab_size=65, pad_token_id=0, decoder_start_token_id=1),
    transformers_model("Wav2Vec2ForCTC", "Wav2Vec2Config", lambda: (torch.randn(1, 400),), kwargs=("input_values",), vocab_size=12, hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=40, conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 4), num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2),
    transformers_model("SegformerForSemanticSegmentation", "SegformerConfig", lambda: images(32, 1), kwargs=("pixel_values",), num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16], patch_sizes=[7, 3], strides=[4, 2], num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=12, num_labels=4),
    cell_loop, learned_state, conv_recurrent, edge_attention, equivariant, flow, differential_equation, splines, sparsemax, crossed, modulated, capsules, radiance, group_normed,
]  # fmt: skip
