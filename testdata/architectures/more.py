"""Further architectures for export.py: one function each, `(model, inputs)`, small."""

import torch
from torch import nn


def images(size=32, batch=2):
    return (torch.randn(batch, 3, size, size),)


def ids(vocabulary=65, length=10, batch=2):
    tokens = torch.randint(0, vocabulary, (batch, length))
    mask = torch.ones_like(tokens)
    mask[0, 7:] = 0
    return tokens, mask


def timm_model(name, size=32, **options):
    def make():
        import timm

        return timm.create_model(name, num_classes=10, **options), images(size)

    make.__name__ = name
    return make


def torchvision_model(name, size=64, **options):
    def make():
        import torchvision

        return torchvision.models.get_model(name, weights=None, num_classes=10, **options), images(size, 1)

    make.__name__ = name
    return make


class Named(nn.Module):
    def __init__(self, model, name, kwargs=("input_ids", "attention_mask")):
        super().__init__()
        self.model, self.name, self.kwargs = model, name, kwargs

    def forward(self, *inputs):
        return self.model(**dict(zip(self.kwargs, inputs)), return_dict=True)[self.name]


small = dict(vocab_size=65, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4)


def language_model(name, output="logits", **options):
    """A transformers model by its class prefix, e.g. MistralForCausalLM."""

    def make():
        import transformers

        prefix = name.split("For")[0].removesuffix("Model")
        config = getattr(transformers, f"{prefix}Config")(**options)
        config._attn_implementation = "eager"
        config.use_cache = False
        return Named(getattr(transformers, name)(config), output), ids()

    make.__name__ = name
    return make


class GraphAttention(nn.Module):
    def __init__(self, width=8, heads=2):
        super().__init__()
        self.w, self.a, self.heads = nn.Linear(4, width * heads), nn.Parameter(torch.randn(heads, 2 * width)), heads
        self.head = nn.Linear(width * heads, 3)

    def forward(self, x, adjacency):
        h = self.w(x).view(x.shape[0], self.heads, -1).transpose(0, 1)
        left, right = self.a.chunk(2, -1)
        score = (h @ left.unsqueeze(-1)) + (h @ right.unsqueeze(-1)).transpose(1, 2)
        score = nn.functional.leaky_relu(score, 0.2).masked_fill(adjacency == 0, float("-inf"))
        h = nn.functional.elu(score.softmax(-1) @ h)
        return self.head(h.transpose(0, 1).flatten(1))


def graph_attention():
    adjacency = (torch.rand(6, 6) > 0.5).long() | torch.eye(6).long()
    return GraphAttention(), (torch.randn(6, 4), adjacency)


class Experts(nn.Module):
    """A dense mixture of the two best of four experts."""

    def __init__(self, width=12):
        super().__init__()
        self.gate = nn.Linear(width, 4)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width)) for _ in range(4)])

    def forward(self, x):
        best, index = self.gate(x).topk(2, -1)
        weight = torch.zeros(x.shape[0], 4).scatter(1, index, best.softmax(-1))
        return sum(weight[:, i : i + 1] * expert(x) for i, expert in enumerate(self.experts))


def mixture_of_experts():
    return Experts(), (torch.randn(5, 12),)


class Temporal(nn.Module):
    """Gated dilated causal convolutions, as in WaveNet."""

    def __init__(self, width=8):
        super().__init__()
        self.inner = nn.Conv1d(2, width, 1)
        self.gates = nn.ModuleList([nn.utils.parametrizations.weight_norm(nn.Conv1d(width, 2 * width, 2, dilation=2**i)) for i in range(3)])
        self.out = nn.Conv1d(width, 3, 1)

    def forward(self, x):
        h = self.inner(x)
        for i, gate in enumerate(self.gates):
            h = h + nn.functional.glu(gate(nn.functional.pad(h, (2**i, 0))), 1)
        return self.out(h)


def temporal():
    return Temporal(), (torch.randn(2, 2, 12),)


def super_resolution():
    model = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PReLU(12), nn.Conv2d(12, 12, 3, padding=1, padding_mode="reflect"), nn.InstanceNorm2d(12, affine=True), nn.PixelShuffle(2), nn.Upsample(scale_factor=2, mode="bicubic"))
    return model, images(8)


class PointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.each = nn.Sequential(nn.Conv1d(3, 16, 1), nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 24, 1))
        self.head = nn.Sequential(nn.Linear(24, 12), nn.Softplus(), nn.Linear(12, 4), nn.LogSoftmax(-1))

    def forward(self, x):
        return self.head(self.each(x).max(-1).values)


def point_net():
    return PointNet(), (torch.randn(3, 3, 20),)


class Factorisation(nn.Module):
    """A factorisation machine with a deep part."""

    def __init__(self):
        super().__init__()
        self.linear, self.embed = nn.Embedding(40, 1), nn.Embedding(40, 6)
        self.deep = nn.Sequential(nn.Linear(18, 10), nn.Mish(), nn.Linear(10, 1))

    def forward(self, x):
        v = self.embed(x)
        pairs = 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(-1, keepdim=True)
        return torch.sigmoid(self.linear(x).sum(1) + pairs + self.deep(v.flatten(1)))


def factorisation():
    return Factorisation(), (torch.randint(0, 40, (4, 3)),)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Transformer(16, 2, 1, 1, 24, batch_first=True, dropout=0.0)

    def forward(self, x, y):
        return self.model(x, y, tgt_mask=nn.Transformer.generate_square_subsequent_mask(4))


def encoder_decoder():
    return Decoder(), (torch.randn(2, 5, 16), torch.randn(2, 4, 16))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Hardswish(), nn.Conv2d(8, 8, 3, 2, 1), nn.Flatten(), nn.Linear(128, 6))
        self.decode = nn.Sequential(nn.Linear(6, 128), nn.Unflatten(1, (8, 4, 4)), nn.ConvTranspose2d(8, 8, 3, 2, 1, 1, groups=2), nn.Tanh(), nn.ConvTranspose2d(8, 3, 3, 2, 1, 1), nn.Sigmoid())

    def forward(self, x):
        return self.decode(self.encode(x))


def autoencoder():
    return Autoencoder(), images(16)


class Siren(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 16), nn.Linear(16, 16)])
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        for layer in self.layers:
            x = torch.sin(5 * layer(x))
        return self.out(x)


def siren():
    return Siren(), (torch.rand(9, 2),)


architectures = [
    torchvision_model("googlenet", aux_logits=False, init_weights=False),
    torchvision_model("mnasnet0_5"), torchvision_model("mobilenet_v3_small"),
    timm_model("poolformer_s12", size=64, layers=(1, 1, 1, 1), embed_dims=(8, 12, 16, 24)),
    timm_model("mobilevit_xxs", size=64), timm_model("levit_128s", size=64, img_size=64, embed_dim=(16, 24, 32), num_heads=(2, 3, 4), depth=(1, 1, 1)),
    timm_model("beit_base_patch16_224", img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3),
    timm_model("pit_ti_224", size=64, img_size=64, base_dims=(8, 8, 8), depth=(1, 1, 1), heads=(1, 2, 4)),
    timm_model("edgenext_xx_small", size=64), timm_model("skresnet18"), timm_model("eca_resnet33ts"), timm_model("dla34"),
    language_model("MistralForCausalLM", num_key_value_heads=2, sliding_window=4, **small), language_model("Qwen2ForCausalLM", num_key_value_heads=2, **small),
    language_model("GemmaForCausalLM", num_key_value_heads=1, head_dim=8, **small),
    language_model("OPTForCausalLM", vocab_size=65, hidden_size=24, ffn_dim=40, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=24, max_position_embeddings=32),
    language_model("BloomForCausalLM", vocab_size=65, hidden_size=24, n_layer=2, n_head=4), language_model("GPTNeoXForCausalLM", **small),
    language_model("RobertaForMaskedLM", max_position_embeddings=32, **small), language_model("AlbertForMaskedLM", embedding_size=16, **small),
    language_model("ElectraForMaskedLM", embedding_size=16, **small), language_model("DebertaV2ForMaskedLM", relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=8, **small),
    language_model("BertForSequenceClassification", num_labels=3, **small),
    graph_attention, mixture_of_experts, temporal, super_resolution, point_net, factorisation, encoder_decoder, autoencoder, siren,
]  # fmt: skip
