"""Exports small versions of common architectures to ONNX, by both of PyTorch's exporters.

    python export.py OUT [NAME ...]

writes OUT/NAME.ts.onnx (TorchScript) and OUT/NAME.dynamo.onnx. Every parameter and statistic is drawn at random, since
exporters merge tensors of equal value, as fresh zeros and ones are. The models are not committed.

Needs: torch torchvision timm transformers onnx onnxscript
"""

import contextlib
import io
import sys
import traceback
import warnings
from importlib import import_module
from itertools import chain
from pathlib import Path

import torch
from torch import nn

with contextlib.suppress(Exception):  # torchvision's operators may lack their native library
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

warnings.filterwarnings("ignore")


def images(size=32, batch=2):
    return (torch.randn(batch, 3, size, size),)


def tokens(vocabulary=65, length=12, batch=2):
    return (torch.randint(0, vocabulary, (batch, length)),)


def masked():
    (ids,) = tokens()
    mask = torch.ones_like(ids)
    mask[0, 8:] = 0
    return ids, mask


def resnet18():
    from timm.models.resnet import BasicBlock, ResNet

    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes=10, channels=(8, 16, 24, 32)), images()


def mobilenet_v2():
    import torchvision

    return torchvision.models.mobilenet_v2(width_mult=0.25, num_classes=10), images()


def efficientnet_b0():
    from torchvision.models.efficientnet import EfficientNet, _efficientnet_conf

    setting, last = _efficientnet_conf("efficientnet_b0", width_mult=0.25, depth_mult=0.5)
    return EfficientNet(setting, 0.2, num_classes=10, last_channel=last), images()


def convnext_tiny():
    import timm

    return timm.create_model("convnext_tiny", num_classes=10, depths=(1, 1, 2, 1), dims=(8, 16, 24, 32)), images(64)


def swin_t():
    import timm

    return timm.create_model("swin_tiny_patch4_window7_224", img_size=56, num_classes=10, embed_dim=12, depths=(2, 2), num_heads=(2, 4)), images(56)


def vit():
    import timm

    return timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=10), images()


class Logits(nn.Module):
    """The logits (or last hidden state) of a transformers model, from its token ids alone or with a mask."""

    def __init__(self, model, name="logits"):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, *inputs):
        names = ["input_ids", "attention_mask", "token_type_ids"]
        return self.model(**dict(zip(names, inputs)), return_dict=True)[self.name]


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=65, n_positions=32, n_embd=24, n_layer=2, n_head=3, use_cache=False)
    config._attn_implementation = "eager"
    return Logits(GPT2LMHeadModel(config)), masked()


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(vocab_size=65, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, use_cache=False)
    config._attn_implementation = "eager"
    return Logits(LlamaForCausalLM(config)), masked()


def bert():
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(vocab_size=65, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, max_position_embeddings=32)
    config._attn_implementation = "eager"
    ids, mask = masked()
    return Logits(BertForMaskedLM(config)), (ids, mask, torch.randint(0, 2, ids.shape))


def mamba():
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=65, hidden_size=16, state_size=4, num_hidden_layers=2, expand=2, conv_kernel=3, time_step_rank=4, use_cache=False)
    return Logits(MambaForCausalLM(config)), tokens(length=6)


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.embed = nn.Embedding(65, 12)
        self.cell = kind(12, 10, num_layers=2, batch_first=True, **options)
        self.head = nn.Linear(20 if options.get("bidirectional") else 10, 65)

    def forward(self, ids):
        return self.head(self.cell(self.embed(ids))[0])


def lstm():
    return Recurrent(nn.LSTM, bidirectional=True), tokens(length=6)


def gru():
    return Recurrent(nn.GRU), tokens(length=6)


def rnn():
    return Recurrent(nn.RNN, bidirectional=True), tokens(length=6)


class UNet(nn.Module):
    def __init__(self, width=6):
        super().__init__()

        def block(c_in, c_out):
            return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(), nn.Conv2d(c_out, c_out, 3, padding=1), nn.GroupNorm(2, c_out), nn.SiLU())

        self.down1, self.down2, self.bottom = block(3, width), block(width, 2 * width), block(2 * width, 4 * width)
        self.up2, self.merge2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2), block(4 * width, 2 * width)
        self.up1, self.merge1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1), block(2 * width, width)
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(nn.functional.max_pool2d(a, 2))
        c = self.bottom(nn.functional.avg_pool2d(b, 2))
        d = self.merge2(torch.cat([self.up2(c), b], 1))
        e = self.merge1(torch.cat([self.up1(d), a], 1))
        return nn.functional.interpolate(self.head(e), scale_factor=2, mode="bilinear", align_corners=False)


def unet():
    return UNet(), images(16)


class Recommender(nn.Module):
    """Wide and deep over two bags of ids and dense features, with pairwise interactions."""

    def __init__(self):
        super().__init__()
        self.bags = nn.ModuleList([nn.EmbeddingBag(20, 8, mode="sum"), nn.EmbeddingBag(30, 8, mode="mean")])
        self.dense = nn.Sequential(nn.Linear(5, 16), nn.PReLU(), nn.Linear(16, 8))
        self.top = nn.Sequential(nn.Linear(8 + 3, 16), nn.LeakyReLU(), nn.Linear(16, 1))

    def forward(self, x, a, b):
        dense = self.dense(x)
        all = torch.stack([dense, self.bags[0](a), self.bags[1](b)], 1)
        pairs = torch.bmm(all, all.transpose(1, 2))
        rows, columns = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2])
        return self.top(torch.cat([dense, pairs[:, rows, columns]], 1))


def recommender():
    return Recommender(), (torch.randn(3, 5), torch.randint(0, 20, (3, 4)), torch.randint(0, 30, (3, 2)))


class GraphNetwork(nn.Module):
    """Message passing: gather by source, add up by target."""

    def __init__(self, add_up, width=12):
        super().__init__()
        self.add_up = add_up
        self.encode = nn.Linear(4, width)
        self.message = nn.ModuleList([nn.Sequential(nn.Linear(2 * width, width), nn.ELU()) for _ in range(2)])
        self.update = nn.ModuleList([nn.GRUCell(width, width) for _ in range(2)])
        self.head = nn.Linear(width, 3)

    def forward(self, nodes, edges):
        source, target = edges[0], edges[1]
        h = self.encode(nodes)
        for message, update in zip(self.message, self.update):
            m = message(torch.cat([h[source], h[target]], 1))
            h = update(self.add_up(torch.zeros_like(h), target, m), h)
        return self.head(h)


def graph_network():
    return GraphNetwork(lambda h, target, m: h.index_add(0, target, m)), (torch.randn(7, 4), torch.randint(0, 7, (2, 15)))


def graph_scatter():
    def add_up(h, target, m):
        return h.scatter_add(0, target[:, None].expand_as(m), m)

    return GraphNetwork(add_up), (torch.randn(7, 4), torch.randint(0, 7, (2, 15)))


def densenet():
    import torchvision

    return torchvision.models.DenseNet(8, (2, 2), 16, num_classes=10), images()


def shufflenet():
    import torchvision

    return torchvision.models.ShuffleNetV2([1, 1, 1], [8, 16, 24, 32, 40], num_classes=10), images()


def squeezenet():
    import torchvision

    return torchvision.models.squeezenet1_1(num_classes=10), images(64)


def regnet():
    import timm

    return timm.create_model("regnety_002", num_classes=10), images()


def mixer():
    from timm.models.mlp_mixer import MlpMixer

    return MlpMixer(img_size=32, patch_size=8, embed_dim=24, num_blocks=2, num_classes=10), images()


def t5_encoder():
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=65, d_model=24, d_kv=8, d_ff=40, num_layers=2, num_heads=3)
    return Logits(T5EncoderModel(config), "last_hidden_state"), tokens()


def distilbert():
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    config = DistilBertConfig(vocab_size=65, dim=24, n_layers=2, n_heads=3, hidden_dim=40, max_position_embeddings=32)
    config._attn_implementation = "eager"
    return Logits(DistilBertForMaskedLM(config)), masked()


def transformer_encoder():
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.0, activation="gelu")
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (torch.randn(2, 5, 16),)


architectures = [
    resnet18, mobilenet_v2, efficientnet_b0, convnext_tiny, swin_t, vit, gpt2, llama, bert, mamba, lstm, gru, rnn, unet,
    recommender, graph_network, graph_scatter, densenet, shufflenet, squeezenet, regnet, mixer, t5_encoder, distilbert,
    transformer_encoder,
]  # fmt: skip


def randomise(model, seed):
    """Redraws every parameter about as large as it would be trained, and every statistic."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.ndim > 1:
                p.copy_(noise / p[0].numel() ** 0.5)
            elif name.endswith("A_log") or "weight" in name.rsplit(".", 1)[-1]:
                p.copy_(1 + 0.2 * noise)
            else:
                p.copy_(0.2 * noise)
        for name, b in model.named_buffers():
            if name.endswith("running_mean"):
                b.copy_(0.2 * torch.randn(b.shape, generator=generator))
            if name.endswith("running_var"):
                b.copy_(0.5 + torch.rand(b.shape, generator=generator))


def export(model, inputs, path, dynamo):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if dynamo:
            torch.onnx.export(model, inputs, path, dynamo=True, external_data=False, verbose=False)
        else:
            torch.onnx.export(model, inputs, path, dynamo=False, opset_version=17)


def main(out, *names):
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    lists = [import_module(name).architectures for name in ("more", "others", "vision", "families", "classics", "sequences", "narrow", "lately")]

    for seed, make in enumerate(chain(architectures, *lists)):
        if names and make.__name__ not in names:
            continue
        torch.manual_seed(seed)
        try:
            model, inputs = make()
        except Exception as error:
            print(f"{make.__name__}  not made: {type(error).__name__}: {str(error).strip().splitlines()[0][:150]}", flush=True)
            continue
        randomise(model.eval(), seed)
        for exporter, dynamo in {"ts": False, "dynamo": True}.items():
            path = folder / f"{make.__name__}.{exporter}.onnx"
            try:
                export(model, inputs, path, dynamo)
                print(f"{path}  {path.stat().st_size:,} bytes", flush=True)
            except Exception as error:  # an exporter's own limits are part of the picture
                path.unlink(missing_ok=True)
                print(f"{path}  not exported: {type(error).__name__}: {str(error).strip().splitlines()[0][:150]}", flush=True)
                if "--trace" in sys.argv:
                    traceback.print_exc()


if __name__ == "__main__":
    main(*[word for word in sys.argv[1:] if not word.startswith("--")])
