"""timm's and torchvision's networks of still other kinds, narrow and shallow, for export.py."""

import torch
from more import images
from torch import nn
from vision import Key, narrow


def built(name, module, function, size=64, batch=1, *args, **options):
    """A network of timm's EfficientNet builder, thinned by its channel multiplier."""

    def make():
        import importlib

        builder = getattr(importlib.import_module(f"timm.models.{module}"), function)
        return builder(name, *args, num_classes=10, **options), images(size, batch)

    make.__name__ = name
    return make


def configured(name, module, cls, cfg, size=64, batch=1, **options):
    """A timm network that takes a configuration."""

    def make():
        import importlib

        home = importlib.import_module(f"timm.models.{module}")
        return getattr(home, cls)(cfg(home), num_classes=10, **options), images(size, batch)

    make.__name__ = name
    return make


def byo_attention(name, layer, size=64, **options):
    """Bottlenecks and one block of self-attention over the image."""

    def cfg(home):
        blocks = (home.ByoBlockCfg(d=1, c=16, s=2, type="bottle", br=0.5), home.ByoBlockCfg(d=1, c=32, s=2, type="self_attn", br=0.5))
        return home.ByoModelCfg(blocks=blocks, stem_chs=8, stem_type="3x3", stem_pool="", act_layer="silu", self_attn_layer=layer, self_attn_kwargs=options)

    return configured(name, "byobnet", "ByobNet", cfg, size=size, img_size=(size, size))


def residual(name, block, **options):
    """timm's ResNet with a block of another file."""

    def make():
        import importlib

        from timm.models.resnet import ResNet

        module, cls = block.split(":")
        home = importlib.import_module(f"timm.models.{module}")
        return ResNet(getattr(home, cls), [1, 1, 1, 1], num_classes=10, channels=(8, 8, 16, 16), **options), images(32)

    make.__name__ = name
    return make


def normless(name, **options):
    return configured(name, "nfnet", "NormFreeNet", lambda home: home.NfCfg(depths=(1, 1, 1, 1), channels=(16, 16, 32, 32), stem_chs=16, attn_kwargs={}, **options), size=32)


def crossvit():
    from timm.models.crossvit import CrossVit

    options = dict(img_size=48, img_scale=(1.0, 32 / 48), patch_size=(12, 8), embed_dim=(16, 24), depth=((1, 2, 1),), num_heads=(2, 2), mlp_ratio=(2.0, 2.0, 1.0))
    return CrossVit(num_classes=10, **options), images(48)


def hrnet():
    stage = dict(num_modules=1, block_type="BASIC", fuse_method="SUM")
    two, three, four = (dict(stage, num_branches=n, num_blocks=(1,) * n, num_channels=(8, 12, 16, 20)[:n]) for n in (2, 3, 4))
    first = dict(stage, num_branches=1, num_blocks=(1,), num_channels=(8,), block_type="BOTTLENECK")
    from timm.models.hrnet import HighResolutionNet

    return HighResolutionNet(dict(stem_width=8, stage1=first, stage2=two, stage3=three, stage4=four), num_classes=10), images(64, 1)


def squeeze_excite_residual():
    from timm.models.senet import SEResNetBlock, SENet

    return SENet(SEResNetBlock, (1, 1, 1, 1), groups=1, reduction=16, inplanes=64, input_3x3=False, num_classes=10), images(32)


def lite_segmentation():
    from torchvision.models import mobilenetv3
    from torchvision.models._utils import IntermediateLayerGetter
    from torchvision.models.segmentation.lraspp import LRASPP

    Block = mobilenetv3.InvertedResidualConfig
    rows = [Block(8, 3, 16, 8, True, "RE", 2, 1, 1.0), Block(8, 5, 24, 16, True, "HS", 2, 1, 1.0)]
    backbone = IntermediateLayerGetter(mobilenetv3.MobileNetV3(rows, 32, num_classes=10).features, {"1": "low", "2": "high"})
    return Key(LRASPP(backbone, 8, 16, 5, 16), "out"), images(32)


def video(name, make_model, frames=4, size=16):
    def make():
        return make_model(), (torch.randn(1, 3, frames, size, size),)

    make.__name__ = name
    return make


def factored_video():
    """R(2+1)D: a convolution over the image, then over time."""
    from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, R2Plus1dStem, VideoResNet

    model = VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [1, 1, 1, 1], R2Plus1dStem, num_classes=10)
    model.layer3, model.layer4, model.fc = nn.Identity(), nn.Identity(), nn.Linear(128, 10)
    return model


def video_swin():
    from torchvision.models.video.swin_transformer import SwinTransformer3d

    return SwinTransformer3d([2, 4, 4], 12, [1, 2], [2, 4], [2, 4, 4], num_classes=10)


def video_multiscale():
    from torchvision.models.video.mvit import MSBlockConfig, MViT

    rows = [(1, 8, 8, [1, 1, 1], [1, 2, 2]), (2, 8, 16, [1, 2, 2], [1, 2, 2]), (2, 16, 16, [1, 1, 1], [1, 1, 1])]
    blocks = [MSBlockConfig(heads, i, o, [3, 3, 3], [3, 3, 3], q, kv) for heads, i, o, q, kv in rows]
    return MViT((16, 16), 4, blocks, residual_pool=True, residual_with_cls_embed=False, rel_pos_embed=True, proj_after_attn=True, num_classes=10)


def keypoints():
    """The head of a keypoint network on a map, without its proposals."""
    from torchvision.models.detection.keypoint_rcnn import KeypointRCNNHeads, KeypointRCNNPredictor

    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), KeypointRCNNHeads(8, (12, 12)), KeypointRCNNPredictor(12, 5)), images(16)


def anchors():
    """RetinaNet's heads over one map: class and box of each anchor, side by side."""
    from torchvision.models.detection.retinanet import RetinaNetHead

    class Detect(nn.Module):
        def __init__(self):
            super().__init__()
            self.map, self.head = nn.Conv2d(3, 32, 8, 8), RetinaNetHead(32, 3, 4)

        def forward(self, x):
            found = self.head([torch.relu(self.map(x))])
            return torch.cat([found["cls_logits"], found["bbox_regression"]], -1)

    return Detect(), images(32, 1)


csp = dict(depth=(1, 1, 1), out_chs=(16, 16, 24), stride=2, bottle_ratio=0.5)


def crossing(name, block_type, **options):
    def cfg(home):
        stages = home.CspStagesCfg(**csp, block_type=block_type, **options)
        return home.CspModelCfg(stem=home.CspStemCfg(out_chs=8, kernel_size=3, stride=2, pool=""), stages=stages)

    return configured(name, "cspnet", "CspNet", cfg)


architectures = [
    byo_attention("halonet", "halo", block_size=4, halo_size=1, num_heads=2), byo_attention("lambda_network", "lambda", r=3, num_heads=2, dim_head=4),
    byo_attention("bottleneck_transformer", "bottleneck", num_heads=2),
    residual("selective_kernel", "sknet:SelectiveKernelBasic"), residual("split_attention", "resnest:ResNestBottleneck", cardinality=1, base_width=64, block_args=dict(radix=2, avd=True, is_first=False)),
    residual("res2net", "res2net:Bottle2neck", base_width=16, block_args=dict(scale=4)),
    normless("nfnet", extra_conv=True, act_layer="gelu", attn_layer="se", skipinit=True, gamma_in_act=True, same_padding=True, group_size=8), normless("eca_nfnet", act_layer="silu", attn_layer="eca"),
    crossvit, squeeze_excite_residual, hrnet, lite_segmentation, keypoints, anchors,
    video("factored_video", factored_video), video("video_swin", video_swin, size=32), video("video_multiscale", video_multiscale),
    crossing("cross_stage", "bottle", expand_ratio=2.0, cross_linear=True), crossing("darknet", "dark", stage_type="dark"),
    narrow("coat", "coat", "CoaT", size=32, img_size=32, patch_size=4, embed_dims=(16, 16, 16, 16), serial_depths=(1, 1, 1, 1), parallel_depth=1, num_heads=8, mlp_ratios=(2, 2, 2, 2)),
    narrow("ghostnet_v2", "ghostnet", "GhostNet", size=64, cfgs=[[[3, 8, 8, 0, 1]], [[3, 16, 12, 0, 2]], [[5, 24, 12, 0.25, 2]]], width=1.0, version="v2"),
    narrow("repghost", "repghost", "RepGhostNet", size=64, cfgs=[[[3, 8, 8, 0, 1]], [[3, 16, 12, 0, 2]], [[5, 24, 12, 0.25, 2]]]),
    narrow("tresnet", "tresnet", "TResNet", size=64, layers=[1, 1, 1, 1], width_factor=0.125), narrow("tresnet_v2", "tresnet", "TResNet", size=64, layers=[1, 1, 1, 1], width_factor=0.125, v2=True),
    narrow("nasnet", "nasnet", "NASNetALarge", size=64, batch=1, stem_size=8, num_features=96), narrow("rexnet", "rexnet", "RexNet", size=64, width_mult=0.5, depth_mult=0.5, ch_div=4),
    narrow("efficientformer", "efficientformer", "EfficientFormer", size=224, batch=1, depths=(1, 1, 1, 1), embed_dims=(8, 8, 16, 16), num_vit=1, mlp_ratios=2), narrow("edgenext", "edgenext", "EdgeNeXt", size=64, dims=(8, 16, 16, 24), depths=(1, 1, 2, 1), heads=(2, 2, 2, 2)),
    narrow("conv_former", "metaformer", "MetaFormer", size=64, depths=(1, 1, 1, 1), dims=(8, 12, 16, 24)), narrow("gcvit", "gcvit", "GlobalContextVit", size=64, img_size=64, embed_dim=8, depths=(1, 1, 1), num_heads=(1, 2, 2), window_ratio=(8, 16, 16)),
    narrow("nextvit", "nextvit", "NextViT", size=64, in_chans=3, stem_chs=(8, 8, 8), depths=(1, 1, 5, 1), head_dim=8),
    built("mixnet_s", "efficientnet", "_gen_mixnet_s", channel_multiplier=0.25), built("fbnetc_100", "efficientnet", "_gen_fbnetc", channel_multiplier=0.25),
    built("condconv", "efficientnet", "_gen_efficientnet_condconv", channel_multiplier=0.25, depth_multiplier=0.4, experts_multiplier=1),
    built("mobilenetv4_conv_small", "mobilenetv3", "_gen_mobilenet_v4", channel_multiplier=0.25),
]  # fmt: skip
