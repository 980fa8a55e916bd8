"""Small networks with what channels meet, and what they compute when some channels are zero after norm and activation.

    python export.py            writes NAME.onnx, NAME.npz and cases.json beside this file

Needs: torch onnx numpy. Every parameter is drawn at random. A network says where each kind of channel is masked.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")
here = Path(__file__).parent


class Masked(nn.Module):
    """`self.m(x, name)` zeroes the channels (axis 1, or the last) that a case names."""

    def __init__(self):
        super().__init__()
        self.masks = {}

    def m(self, x, name, axis=1):
        if name not in self.masks:
            return x
        shape = [1] * x.ndim
        shape[axis] = -1
        keep = torch.ones(x.shape[axis])
        keep[self.masks[name]] = 0
        return x * keep.reshape(shape)


class Residual(Masked):
    def __init__(self):
        super().__init__()
        self.stem, self.norm0 = nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.a, self.norm1 = nn.Conv2d(6, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.b, self.norm2 = nn.Conv2d(8, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.c, self.norm3 = nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)
        self.d, self.norm4 = nn.Conv2d(8, 10, 3, padding=1, bias=False), nn.BatchNorm2d(10)
        self.short, self.norm5 = nn.Conv2d(6, 10, 1, stride=2, bias=False), nn.BatchNorm2d(10)
        self.fc = nn.Linear(10, 4)

    def forward(self, x):
        x = self.m(F.relu(self.norm0(self.stem(x))), "stem")
        y = self.m(F.relu(self.norm1(self.a(x))), "a")
        x = self.m(F.relu(self.norm2(self.b(y)) + x), "stem")
        y = self.m(F.relu(self.norm3(self.c(x))), "c")
        x = self.m(F.relu(self.norm4(self.d(y)) + self.norm5(self.short(x))), "d")
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Concat(Masked):
    """A channel of `a` is read as it is, and once more through the norm of a concatenation."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 5, 3, padding=1)
        self.norm, self.c = nn.BatchNorm2d(11), nn.Conv2d(11, 7, 1)
        self.fc = nn.Linear(7 * 16, 4)

    def forward(self, x):
        a = F.relu(self.a(x))
        b = F.relu(self.b(self.m(a, "a")))
        y = F.relu(self.norm(torch.cat([a, b], 1)))
        y = torch.cat([self.m(y[:, :6], "a"), self.m(y[:, 6:], "b")], 1) if self.masks else y
        y = self.m(F.relu(self.c(y)), "c")
        return self.fc(F.max_pool2d(y, 2).flatten(1))


class Depthwise(Masked):
    def __init__(self):
        super().__init__()
        self.expand, self.norm1 = nn.Conv2d(1, 8, 1), nn.BatchNorm2d(8)
        self.depth, self.norm2 = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8)
        self.project, self.norm3 = nn.Conv2d(8, 6, 1), nn.BatchNorm2d(6)
        self.act = nn.PReLU(6)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = self.m(F.relu6(self.norm1(self.expand(x))), "expand")
        x = self.m(F.relu6(self.norm2(self.depth(x))), "expand")
        x = self.m(self.act(self.norm3(self.project(x))), "project")
        return self.fc(x.mean((2, 3)))


class Grouped(Masked):
    """Whole groups go (4 groups of 2 and 3 channels), then the same position of two groups (4 and 5 channels)."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 8, 1), nn.Conv2d(8, 12, 3, padding=1, groups=4)
        self.c, self.d = nn.Conv2d(12, 8, 1), nn.Conv2d(8, 10, 3, padding=1, groups=2)
        self.fc = nn.Linear(10, 4)

    def forward(self, x):
        x = self.m(F.relu(self.b(self.m(F.relu(self.a(x)), "a"))), "b")
        x = self.m(F.relu(self.d(self.m(F.relu(self.c(x)), "c"))), "d")
        return self.fc(x.mean((2, 3)))


class Shuffle(Masked):
    """Halves of the channels, one of them convolved, then shuffled."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 8, 1), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(8, 6, 1)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        left, right = F.relu(self.a(x)).chunk(2, 1)
        x = torch.cat([left, F.relu(self.b(right))], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = self.m(F.relu(self.c(x)), "c")
        return self.fc(x.mean((2, 3)))


class Squeeze(Masked):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.down, self.up = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = self.m(F.silu(self.norm(self.conv(x))), "conv")
        s = self.m(F.relu(self.down(F.adaptive_avg_pool2d(x, 1))), "down")
        return self.fc((x * torch.sigmoid(self.up(s))).mean((2, 3)))


class UNet(Masked):
    """The channels of `low` are part of groups, which a GroupNorm normalises: they have to stay."""

    def __init__(self):
        super().__init__()
        self.down, self.norm = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.low, self.groups = nn.Conv2d(6, 8, 3, padding=1), nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 5, 2, stride=2)
        self.merge = nn.Conv2d(11, 7, 3, padding=1)
        self.head = nn.Conv2d(7, 2, 1)

    def forward(self, x):
        a = self.m(F.relu(self.norm(self.down(x))), "down")
        y = F.silu(self.groups(self.low(F.max_pool2d(a, 2))))
        y = torch.cat([self.m(self.up(y), "up"), a], 1)
        return self.head(self.m(F.relu(self.merge(y)), "merge"))


class Transformer(Masked):
    """Heads, and the hidden width of the MLP; what enters a LayerNorm has to stay."""

    def __init__(self, width=12, heads=3):
        super().__init__()
        self.heads = heads
        self.embed = nn.Linear(5, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 20), nn.Linear(20, width)
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        x = self.embed(x)
        n, t, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = torch.softmax(q @ k.transpose(2, 3) * (width / self.heads) ** -0.5, -1) @ v
        x = x + self.out(self.m(y, "heads").transpose(1, 2).reshape(n, t, width))
        x = x + self.fc2(self.m(F.gelu(self.fc1(self.norm2(x))), "fc1", 2))
        return self.head(self.norm3(x).mean(1))


class Video(Masked):
    """Three positional axes, none like another; the same position of two groups (3 and 4 channels)."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv3d(1, 6, (3, 3, 2), stride=(1, 2, 1), padding=(1, 1, 0), dilation=(1, 1, 2))
        self.b = nn.Conv3d(6, 8, (1, 3, 2), padding=(0, 1, 1), groups=2)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = self.m(F.relu(self.b(self.m(F.relu(self.a(x)), "a"))), "b")
        return self.fc(x.mean((2, 3, 4)))


image = (2, 1, 8, 8)
# name: (network, shape of the input, fold norms into convolutions, cases of {mask: channels})
networks = {
    "residual": (Residual, image, False, [{"a": [1, 2, 7]}, {"stem": [0, 4]}, {"a": [0], "stem": [5], "c": [2, 3], "d": [9]}]),
    "residual-folded": (Residual, image, True, [{"a": [1, 2, 7], "stem": [0, 4], "d": [3, 8]}]),
    "concat": (Concat, image, False, [{"a": [1, 5]}, {"a": [0], "b": [3, 4], "c": [2, 6]}]),
    "depthwise": (Depthwise, image, False, [{"expand": [0, 3, 6]}, {"expand": [7], "project": [1, 4]}]),
    "grouped": (Grouped, image, True, [{"a": [2, 3], "b": [3, 4, 5]}, {"c": [1, 5]}, {"d": [0, 5, 3, 8], "c": [3, 7]}]),
    "shuffle": (Shuffle, image, True, [{"c": [0, 5]}]),
    "squeeze": (Squeeze, image, False, [{"conv": [1, 6]}, {"down": [0, 2], "conv": [4]}]),
    "unet": (UNet, image, True, [{"down": [2, 3]}, {"up": [0, 4], "merge": [1], "down": [5]}]),
    "transformer": (Transformer, (2, 6, 5), False, [{"heads": [1]}, {"heads": [0, 2], "fc1": [3, 4, 19]}]),
    "video": (Video, (2, 1, 3, 6, 7), True, [{"a": [1, 4]}, {"a": [0, 3], "b": [2, 6]}]),
}  # fmt: skip


def randomise(model, generator):
    with torch.no_grad():
        for name, p in [*model.named_parameters(), *model.named_buffers()]:
            if not p.is_floating_point():
                continue
            noise = torch.randn(p.shape, generator=generator)
            if name.endswith("running_var"):
                p.copy_(0.5 + noise.abs())
            elif p.ndim > 1:
                p.copy_(noise / p[0].numel() ** 0.5)
            else:
                p.copy_(0.3 * noise + (1 if "norm" in name and name.endswith("weight") else 0))


def main():
    cases = {}
    for seed, (name, (make, shape, fold, masks)) in enumerate(networks.items()):
        generator = torch.Generator().manual_seed(seed)
        model = make().eval()
        randomise(model, generator)
        x = torch.randn(shape, generator=generator)
        torch.onnx.export(
            model, (x,), here / f"{name}.onnx", dynamo=False, opset_version=17,
            input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "batch"}},
            do_constant_folding=fold,
            training=torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE,
        )  # fmt: skip
        arrays = {"x": x.numpy(), "dense": model(x).detach().numpy()}
        for i, case in enumerate(masks):
            model.masks = case
            arrays[f"masked{i}"] = model(x).detach().numpy()
        np.savez(here / f"{name}.npz", **arrays)
        cases[name] = masks
    (here / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
