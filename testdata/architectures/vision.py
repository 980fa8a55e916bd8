"""Vision architectures for export.py of kinds that the other lists do not have: torchvision's and timm's, narrow where they can be."""

import torch
from more import images, timm_model
from torch import nn


class Key(nn.Module):
    """One named output of a model that returns a dictionary."""

    def __init__(self, model, name):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, x):
        return self.model(x)[self.name]


def vgg_bn():
    from torchvision.models.vgg import VGG, make_layers

    features = make_layers([8, "M", 12, "M", 16, 16, "M", 16, "M", 16, "M"], batch_norm=True)
    model = VGG(features, num_classes=10)
    model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(2), nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Dropout(), nn.Linear(20, 10))
    return model, images()


def inception_v3():
    import torchvision

    model = torchvision.models.inception_v3(num_classes=10, init_weights=False)
    model.aux_logits, model.AuxLogits = False, None
    return model, images(75, 1)


def torchvision_swin_v2():
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2

    return SwinTransformer([2, 2], 12, [1, 1], [2, 4], [4, 4], num_classes=10, block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2), images()


def torchvision_vit():
    from torchvision.models import VisionTransformer

    model = VisionTransformer(32, 8, 2, 3, 24, 40, num_classes=10)
    return model, images()


def torchvision_maxvit():
    from torchvision.models.maxvit import MaxVit

    return MaxVit((32, 32), 8, 4, [8, 12], [1, 1], 4, 0.0, num_classes=10), images()


def regnet_x():
    from torchvision.models.regnet import BlockParams, RegNet

    return RegNet(BlockParams.from_init_params(depth=4, w_0=8, w_a=8.0, w_m=2.0, group_width=4), num_classes=10), images()


def wide_resnet():
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [1, 1, 1, 1], num_classes=10, width_per_group=8, groups=2), images()


def fully_convolutional():
    from torchvision.models import resnet18
    from torchvision.models._utils import IntermediateLayerGetter
    from torchvision.models.segmentation.fcn import FCN, FCNHead

    backbone = IntermediateLayerGetter(resnet18(), {"layer2": "out"})
    return Key(FCN(backbone, FCNHead(128, 5)), "out"), images(32, 1)


def deeplab():
    from torchvision.models.segmentation.deeplabv3 import ASPP

    class DeepLab(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head, self.out = nn.Conv2d(3, 16, 3, 4, 1), ASPP(16, [2, 4], 12), nn.Conv2d(12, 4, 1)

        def forward(self, x):
            y = self.out(self.head(torch.relu(self.stem(x))))
            return nn.functional.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)

    return DeepLab(), images(32)


def video_mixed():
    import torchvision

    return torchvision.models.video.mc3_18(num_classes=10), (torch.randn(1, 3, 4, 16, 16),)


def feature_pyramid():
    from torchvision.ops import FeaturePyramidNetwork

    class Pyramid(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 12, 3, 2, 1), nn.Conv2d(12, 16, 3, 2, 1)
            self.neck, self.head = FeaturePyramidNetwork([8, 12, 16], 8), nn.Conv2d(8, 4, 1)

        def forward(self, x):
            a = torch.relu(self.a(x))
            b = torch.relu(self.b(a))
            c = torch.relu(self.c(b))
            levels = self.neck({"a": a, "b": b, "c": c})
            return torch.cat([self.head(y).flatten(2) for y in levels.values()], -1)

    return Pyramid(), images()


def optical_flow():
    """RAFT's pieces: all-pairs correlation looked up bilinearly, a convolutional GRU, convex upsampling."""
    from torchvision.models.optical_flow.raft import ConvGRU, FlowHead, MaskPredictor, upsample_flow

    class Flow(nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.cell = nn.Conv2d(3, 8, 8, 8), ConvGRU(input_size=8 + 2 + 36, hidden_size=8, kernel_size=3, padding=1)
            self.head, self.mask = FlowHead(in_channels=8, hidden_size=8), MaskPredictor(in_channels=8, hidden_size=8)

        def forward(self, a, b):
            fa, fb = self.features(a), self.features(b)
            n, c, h, w = fa.shape
            correlation = (fa.flatten(2).transpose(1, 2) @ fb.flatten(2)).view(n, h * w, h, w).permute(0, 1, 2, 3) / c**0.5
            seen = correlation.transpose(0, 1).reshape(n, h * w, h, w)[:, :36]
            state, flow = torch.tanh(fa), torch.zeros(n, 2, h, w)
            for _ in range(2):
                state = self.cell(state, torch.cat([fb, flow, seen], 1))
                flow = flow + self.head(state)
            return upsample_flow(flow, self.mask(state))

    return Flow(), (torch.randn(1, 3, 48, 48), torch.randn(1, 3, 48, 48))


def byo(name, **options):
    """A network of timm's blocks by its types."""

    def make():
        from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg

        blocks = tuple(ByoBlockCfg(d=1, c=c, s=s, **{k: v for k, v in options.items() if k in ("type", "gs", "br")}) for c, s in ((8, 2), (16, 2)))
        rest = {k: v for k, v in options.items() if k not in ("type", "gs", "br")}
        return ByobNet(ByoModelCfg(blocks=blocks, stem_chs=8, **rest), num_classes=10), images()

    make.__name__ = name
    return make


def narrow(name, module, cls, size=32, batch=2, **options):
    def make():
        import importlib

        return getattr(importlib.import_module(f"timm.models.{module}"), cls)(num_classes=10, **options), images(size, batch)

    make.__name__ = name
    return make


def pruned(name, size=64, keep=1, **options):
    """A timm model of which each stage keeps `keep` blocks."""

    def make():
        import timm

        model = timm.create_model(name, num_classes=10, **options)
        return model, images(size, 1)

    make.__name__ = name
    return make


vit_small = dict(img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3)

architectures = [
    vgg_bn,
    inception_v3,
    torchvision_swin_v2,
    torchvision_vit,
    torchvision_maxvit,
    regnet_x,
    wide_resnet,
    fully_convolutional,
    deeplab,
    video_mixed,
    feature_pyramid,
    optical_flow,
    byo("repvgg", type="rep"),
    byo("mobileone", type="one"),
    byo("gernet", type="bottle", gs=4, br=0.5),
    byo("attended_se", type="basic", attn_layer="se"),
    byo("attended_gc", type="basic", attn_layer="gca"),
    byo("attended_eca", type="basic", attn_layer="eca"),
    byo("attended_cbam", type="basic", attn_layer="cbam"),
    narrow("twins_svt", "twins", "Twins", size=32, img_size=32, embed_dims=(8, 16), num_heads=(1, 2), mlp_ratios=(2, 2), depths=(1, 2), sr_ratios=(2, 1), wss=(4, 4)),
    narrow("twins_pcpvt", "twins", "Twins", size=32, img_size=32, embed_dims=(8, 16), num_heads=(1, 2), mlp_ratios=(2, 2), depths=(1, 1), sr_ratios=(2, 1)),
    narrow("visformer", "visformer", "Visformer", size=32, img_size=32, init_channels=8, embed_dim=24, depth=(1, 1, 1), num_heads=2, group=4, attn_stage="011", spatial_conv="100", conv_init=True),
    narrow("tnt", "tnt", "TNT", size=32, img_size=32, patch_size=8, embed_dim=24, inner_dim=8, depth=2, num_heads_inner=2, num_heads_outer=3),
    narrow("volo", "volo", "VOLO", size=32, img_size=32, layers=(1, 1), embed_dims=(16, 24), num_heads=(2, 3), patch_size=4, stem_hidden_dim=8, mlp_ratio=(2.0, 2.0), outlook_attention=(True, False), post_layers=("ca", "ca"), downsamples=(True, False), use_aux_head=False),
    narrow("pvt_v2", "pvt_v2", "PyramidVisionTransformerV2", depths=(1, 1, 1, 1), embed_dims=(8, 8, 16, 16), num_heads=(1, 1, 2, 2), mlp_ratios=(2, 2, 2, 2)),
    narrow("pvt_v2_linear", "pvt_v2", "PyramidVisionTransformerV2", depths=(1, 1, 1, 1), embed_dims=(8, 8, 16, 16), num_heads=(1, 1, 2, 2), mlp_ratios=(2, 2, 2, 2), linear=True),
    narrow("fastvit", "fastvit", "FastVit", size=64, layers=(1, 1, 1, 1), token_mixers=("repmixer", "repmixer", "repmixer", "attention"), embed_dims=(8, 8, 16, 32), mlp_ratios=(2, 2, 2, 2), pos_embs=(None, None, None, None)),
    narrow("resmlp", "mlp_mixer", "MlpMixer", img_size=32, patch_size=8, embed_dim=24, num_blocks=2, mlp_ratio=4),
    narrow("focalnet", "focalnet", "FocalNet", embed_dim=8, depths=(1, 1), focal_levels=(2, 2), focal_windows=(3, 3)),
    narrow("davit", "davit", "DaVit", size=64, depths=(1, 1), embed_dims=(8, 16), num_heads=(2, 2), window_size=4),
    narrow("nest", "nest", "Nest", size=32, img_size=32, patch_size=4, num_levels=2, embed_dims=(16, 24), num_heads=(2, 2), depths=(1, 1)),
    narrow("hiera", "hiera", "Hiera", size=64, img_size=(64, 64), embed_dim=16, num_heads=1, stages=(1, 1, 1), q_pool=2, q_stride=(2, 2), mask_unit_size=(4, 4), mask_unit_attn=(True, True, False)),
    narrow("dual_path", "dpn", "DPN", k_sec=(1, 1, 1, 1), inc_sec=(4, 4, 4, 4), k_r=16, groups=4, num_init_features=8),
    narrow("aligned_xception", "xception_aligned", "XceptionAligned", size=64, block_cfg=[dict(in_chs=64, out_chs=16, stride=2), dict(in_chs=16, out_chs=24, stride=1, no_skip=True)]),
    narrow("mambaout", "mambaout", "MambaOut", depths=(1, 1, 1, 1), dims=(8, 16, 16, 24)),
    narrow("starnet", "starnet", "StarNet", base_dim=8, depths=[1, 1, 1, 1]),
    narrow("repvit", "repvit", "RepVit", embed_dim=(8, 16), depth=(1, 1)),
    narrow("tiny_vit", "tiny_vit", "TinyVit", size=64, embed_dims=(8, 16, 16, 32), depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2), window_sizes=(4, 4, 4, 2)),
    narrow("efficientvit_mit", "efficientvit_mit", "EfficientVit", size=64, widths=(8, 8, 8, 16, 16), depths=(0, 1, 1, 1, 1), head_dim=8, head_widths=(32, 24)),
    narrow("efficientvit_msra", "efficientvit_msra", "EfficientVitMsra", size=64, img_size=64, embed_dim=(16, 16, 32), key_dim=(8, 8, 8), depth=(1, 1, 1), num_heads=(2, 2, 2), window_size=(4, 4, 4), kernels=(3, 3, 3, 3)),
    narrow("convit", "convit", "ConVit", local_up_to_layer=1, **vit_small),
    narrow("inception_next", "inception_next", "MetaNeXt", depths=(1, 1, 1, 1), dims=(16, 16, 24, 24)),
    narrow("rdnet", "rdnet", "RDNet", num_init_features=16, growth_rates=(8, 8), num_blocks_list=(1, 1), is_downsample_block=(None, True)),
    narrow("shvit", "shvit", "SHViT", size=64, embed_dim=(16, 24, 32), partial_dim=(4, 6, 8), depth=(1, 1, 1), types=("i", "s", "s")),
    narrow("swiftformer", "swiftformer", "SwiftFormer", size=64, layers=[1, 1, 1, 1], embed_dims=[8, 8, 16, 24], mlp_ratios=2),
    narrow("swin_v2_cr", "swin_transformer_v2_cr", "SwinTransformerV2Cr", size=32, img_size=32, patch_size=4, window_size=4, depths=(2, 2), num_heads=(2, 2), embed_dim=12),
    narrow("swin_v2", "swin_transformer_v2", "SwinTransformerV2", size=32, img_size=32, patch_size=4, window_size=4, depths=(2, 2), num_heads=(2, 2), embed_dim=12),
    timm_model("vit_relpos_small_patch16_224", **vit_small),
    timm_model("deit3_small_patch16_224", **vit_small),
    timm_model("samvit_base_patch16_224", embed_dim=24, depth=2, num_heads=3, img_size=32, patch_size=8, global_attn_indexes=(1,), window_size=2, neck_chans=8),
    narrow("fasternet", "fasternet", "FasterNet", embed_dim=8, depths=(1, 1, 1, 1)),
    narrow("convnext_v2", "convnext", "ConvNeXt", size=64, depths=(1, 1, 1, 1), dims=(8, 16, 16, 24), use_grn=True, ls_init_value=None),
    pruned("hrnet_w18_small"),
    pruned("ghostnetv2_100"),
    pruned("selecsls42b"),
    pruned("mixnet_s"),
    pruned("tinynet_e"),
    pruned("lcnet_050"),
    pruned("mobilenetv4_conv_small_050"),
    pruned("fbnetc_100"),
    pruned("rexnet_100"),
    pruned("mobilevitv2_050"),
    pruned("efficientformerv2_s0", size=64, img_size=64),
    pruned("efficientnet_es"),
    pruned("ese_vovnet19b_slim_dw"),
    pruned("semnasnet_050"),
    pruned("res2net50_14w_8s"),
    pruned("tresnet_m"),
    pruned("inception_v4", 96),
    pruned("gcresnext26ts"),
    pruned("vit_relpos_base_patch16_rpn_224", 32, **vit_small),
]  # fmt: skip
