"""Further families of transformers for export.py: encoders, decoders, seq2seq, vision, audio, time series, several at once."""

import torch
from more import ids, images, small
from others import pairs, transformers_model
from torch import nn


def plain(name, config, inputs, output="logits", kwargs=("input_ids", "attention_mask"), label=None, nested=(), **options):
    make = transformers_model(name, config, inputs, output, kwargs, **options)
    make.__name__ = label or name
    return make


def alone():
    return ids()[:1]


def decoder(name, **options):
    return plain(f"{name}ForCausalLM", f"{name}Config", ids, **{**small, **options})


def masked(name, **options):
    return plain(f"{name}ForMaskedLM", f"{name}Config", ids, **{**small, "max_position_embeddings": 32, **options})


def seq2seq(name, cls="ForConditionalGeneration", **options):
    sizes = dict(vocab_size=65, d_model=24, encoder_layers=1, decoder_layers=1, encoder_attention_heads=3, decoder_attention_heads=3, encoder_ffn_dim=40, decoder_ffn_dim=40, max_position_embeddings=32, pad_token_id=0, decoder_start_token_id=1)
    return plain(f"{name}{cls}", f"{name}Config", pairs, kwargs=("input_ids", "attention_mask", "decoder_input_ids"), **{**sizes, **options})


def seeing(name, config=None, size=32, output="logits", frames=0, **options):
    def pixels():
        return (torch.randn(1, frames, 3, size, size),) if frames else images(size, 1)

    sizes = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, image_size=size, patch_size=8)
    return plain(name, config or f"{name.split('For')[0].removesuffix('Model')}Config", pixels, output, ("pixel_values",), **{**sizes, **options})


text_tower = dict(vocab_size=65, hidden_size=24, intermediate_size=40, num_hidden_layers=1, num_attention_heads=3, max_position_embeddings=16)
image_tower = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=1, num_attention_heads=3, image_size=16, patch_size=8)


def two_towers(name, output="logits_per_image", **options):
    return plain(f"{name}Model", f"{name}Config", lambda: (*ids(length=10), torch.randn(2, 3, 16, 16)), output, ("input_ids", "attention_mask", "pixel_values"), text_config=text_tower, vision_config=image_tower, **options)


def series(name, **options):
    """Forecasters that need their whole past and a generated future: the model beneath."""

    def make():
        import transformers

        settings = getattr(transformers, f"{name}Config")(prediction_length=4, context_length=8, lags_sequence=[1, 2], num_time_features=1, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, **options)
        settings._attn_implementation = "eager"

        class Forecast(nn.Module):
            def __init__(self):
                super().__init__()
                self.model = getattr(transformers, f"{name}Model")(settings)
                self.out = nn.Linear(16, 1)

            def forward(self, past, past_time, future, future_time):
                y = self.model(past_values=past, past_time_features=past_time, past_observed_mask=torch.ones_like(past), future_values=future, future_time_features=future_time, use_cache=False, return_dict=True)
                return self.out(y.last_hidden_state)

        return Forecast(), (torch.randn(2, 10).abs() + 0.5, torch.randn(2, 10, 1), torch.randn(2, 4), torch.randn(2, 4, 1))

    make.__name__ = name
    return make


def detection():
    """DETR's decoder over a convolutional map: learned queries, class and box heads."""
    import transformers
    from transformers.models.detr.modeling_detr import DetrDecoder

    settings = transformers.DetrConfig(d_model=24, decoder_layers=1, decoder_attention_heads=3, decoder_ffn_dim=40, use_timm_backbone=False, backbone_config=transformers.ResNetConfig(), num_queries=4)
    settings._attn_implementation = "eager"

    class Detect(nn.Module):
        def __init__(self):
            super().__init__()
            self.map, self.decoder = nn.Conv2d(3, 24, 8, 8), DetrDecoder(settings)
            self.query, self.place = nn.Embedding(4, 24), nn.Parameter(torch.randn(1, 16, 24))
            self.kind, self.box = nn.Linear(24, 5), nn.Linear(24, 4)

        def forward(self, x):
            memory = self.map(x).flatten(2).transpose(1, 2)
            query = self.query.weight.unsqueeze(0).expand(x.shape[0], -1, -1)
            h = self.decoder(inputs_embeds=torch.zeros_like(query), attention_mask=None, encoder_hidden_states=memory, encoder_attention_mask=None, spatial_position_embeddings=self.place, object_queries_position_embeddings=query, return_dict=True)[0]
            return torch.cat([self.kind(h), self.box(h).sigmoid()], -1)

    return Detect(), images(32)


def perceiver():
    import transformers
    from transformers import PerceiverConfig, PerceiverModel

    model = PerceiverModel(PerceiverConfig(num_latents=6, d_latents=16, d_model=24, num_blocks=1, num_self_attends_per_block=1, num_self_attention_heads=2, num_cross_attention_heads=2))

    class Latents(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(inputs=x, return_dict=True).last_hidden_state

    return Latents(), (torch.randn(2, 10, 24),)


def segment_anything():
    """SAM's mask decoder: two-way attention, transposed convolutions, hypernetworks."""
    from transformers import SamMaskDecoderConfig
    from transformers.models.sam.modeling_sam import SamMaskDecoder

    settings = SamMaskDecoderConfig(hidden_size=32, mlp_dim=40, num_hidden_layers=1, num_attention_heads=2, iou_head_hidden_dim=16, iou_head_depth=2)
    settings._attn_implementation = "eager"

    class Decode(nn.Module):
        def __init__(self):
            super().__init__()
            self.decoder = SamMaskDecoder(settings)

        def forward(self, image, position, sparse, dense):
            return self.decoder(image_embeddings=image, image_positional_embeddings=position, sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense, multimask_output=True)[0]

    return Decode(), (torch.randn(1, 32, 4, 4), torch.randn(1, 32, 4, 4), torch.randn(1, 1, 2, 32), torch.randn(1, 32, 4, 4))


def layout():
    boxes = torch.randint(0, 20, (2, 10, 4))
    boxes[..., 2:] = boxes[..., :2] + boxes[..., 2:]
    return (*ids(), boxes)


def vocoder():
    import transformers

    settings = transformers.SpeechT5HifiGanConfig(model_in_dim=8, upsample_initial_channel=16, upsample_rates=[2, 2], upsample_kernel_sizes=[4, 4], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3]], normalize_before=False)

    class Wave(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = transformers.SpeechT5HifiGan(settings)

        def forward(self, x):
            return self.model(x)

    return Wave(), (torch.randn(1, 6, 8),)


def codec():
    import transformers

    settings = transformers.EncodecConfig(num_filters=4, hidden_size=8, upsampling_ratios=[2, 2], codebook_size=8, codebook_dim=8, num_residual_layers=1, num_lstm_layers=1)
    model = transformers.EncodecModel(settings)

    class Codec(nn.Module):
        """Encoder and decoder without the quantiser between, whose steps have no derivative."""

        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = model.encoder, model.decoder

        def forward(self, x):
            return self.decoder(self.encoder(x))

    return Codec(), (torch.randn(1, 1, 32),)


architectures = [
    decoder("Gemma2", num_key_value_heads=2, head_dim=8, sliding_window=4, query_pre_attn_scalar=8),
    decoder("Qwen3", num_key_value_heads=2, head_dim=8),
    decoder("Olmo", num_key_value_heads=2),
    decoder("Olmo2", num_key_value_heads=2),
    decoder("Granite", num_key_value_heads=2, attention_multiplier=0.3, residual_multiplier=0.5, logits_scaling=2.0),
    decoder("StableLm", num_key_value_heads=2),
    decoder("Cohere", num_key_value_heads=2),
    decoder("Phi3", num_key_value_heads=2, pad_token_id=0),
    decoder("Glm", num_key_value_heads=2, head_dim=6, pad_token_id=0),
    decoder("Starcoder2", num_key_value_heads=2),
    decoder("Nemotron", num_key_value_heads=2),
    decoder("RecurrentGemma", num_key_value_heads=1, block_types=("recurrent", "attention"), attention_window_size=4, lru_width=24),
    plain("MptForCausalLM", "MptConfig", ids, vocab_size=65, d_model=24, n_layers=1, n_heads=3),
    plain("CodeGenForCausalLM", "CodeGenConfig", ids, vocab_size=65, n_embd=32, n_layer=1, n_head=4, rotary_dim=4, n_positions=32),
    plain("GPTNeoForCausalLM", "GPTNeoConfig", ids, vocab_size=65, hidden_size=24, num_layers=2, num_heads=3, attention_types=[[["global", "local"], 1]], window_size=4, max_position_embeddings=32),
    plain("BioGptForCausalLM", "BioGptConfig", ids, max_position_embeddings=32, **small),
    plain("XGLMForCausalLM", "XGLMConfig", ids, vocab_size=65, d_model=24, ffn_dim=40, num_layers=1, attention_heads=3, max_position_embeddings=32),
    plain("CTRLLMHeadModel", "CTRLConfig", alone, vocab_size=65, n_embd=24, dff=40, n_layer=1, n_head=3, n_positions=32),
    masked("MPNet"),
    masked("MobileBert", embedding_size=16, intra_bottleneck_size=24, true_hidden_size=24, num_feedforward_networks=2),
    masked("SqueezeBert", embedding_size=24, hidden_size=24, num_attention_heads=4),
    masked("RoFormer", embedding_size=16),
    masked("ConvBert", embedding_size=16, head_ratio=2, conv_kernel_size=3),
    masked("Ernie"),
    masked("Camembert"),
    masked("XLMRoberta"),
    masked("Deberta", relative_attention=True, pos_att_type=["p2c", "c2p"], max_relative_positions=8),
    masked("ModernBert", local_attention=4, global_attn_every_n_layers=2, pad_token_id=0, cls_token_id=1, sep_token_id=2),
    masked("Esm", position_embedding_type="rotary", pad_token_id=1, mask_token_id=3),
    masked("IBert"),
    plain("FunnelForMaskedLM", "FunnelConfig", ids, vocab_size=65, block_sizes=[1, 1], num_decoder_layers=1, d_model=24, n_head=3, d_head=8, d_inner=40),
    plain("LongformerForMaskedLM", "LongformerConfig", ids, attention_window=4, max_position_embeddings=32, **small),
    plain("BigBirdForMaskedLM", "BigBirdConfig", ids, attention_type="original_full", max_position_embeddings=32, **small),
    plain("CanineForSequenceClassification", "CanineConfig", lambda: (torch.randint(0, 200, (1, 16)),), num_hash_buckets=32, num_hash_functions=2, downsampling_rate=4, local_transformer_stride=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24, max_position_embeddings=32),
    plain("LayoutLMForTokenClassification", "LayoutLMConfig", layout, kwargs=("input_ids", "attention_mask", "bbox"), max_2d_position_embeddings=50, max_position_embeddings=32, **small),
    plain("DPRQuestionEncoder", "DPRConfig", ids, "pooler_output", projection_dim=8, max_position_embeddings=32, **small),
    plain("FlaubertWithLMHeadModel", "FlaubertConfig", alone, vocab_size=65, emb_dim=24, n_layers=1, n_heads=3, max_position_embeddings=32),
    plain("XLMWithLMHeadModel", "XLMConfig", alone, vocab_size=65, emb_dim=24, n_layers=1, n_heads=3, max_position_embeddings=32),
    seq2seq("M2M100"),
    seq2seq("Pegasus"),
    seq2seq("Marian", "MTModel"),
    seq2seq("Blenderbot"),
    seq2seq("MBart"),
    seq2seq("LED", attention_window=4, max_encoder_position_embeddings=32, max_decoder_position_embeddings=32),
    plain("MT5ForConditionalGeneration", "MT5Config", pairs, kwargs=("input_ids", "attention_mask", "decoder_input_ids"), vocab_size=65, d_model=24, d_kv=8, d_ff=40, num_layers=1, num_heads=3, decoder_start_token_id=0),
    two_towers("CLIP", projection_dim=8),
    two_towers("Siglip"),
    two_towers("AltCLIP", projection_dim=8),
    plain("CLIPTextModel", "CLIPTextConfig", ids, "pooler_output", eos_token_id=2, **text_tower),
    seeing("CLIPVisionModel", output="pooler_output"),
    seeing("ViTForImageClassification"),
    seeing("DeiTForImageClassification"),
    seeing("Dinov2ForImageClassification"),
    seeing("ViTMAEForPreTraining", decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2, decoder_intermediate_size=24),
    seeing("VideoMAEForVideoClassification", frames=4, num_frames=4, tubelet_size=2),
    seeing("TimesformerForVideoClassification", frames=2, num_frames=2),
    seeing("VivitForVideoClassification", frames=2, num_frames=2, tubelet_size=[1, 8, 8]),
    seeing("YolosForObjectDetection", image_size=[32, 32], num_detection_tokens=3),
    plain("GLPNForDepthEstimation", "GLPNConfig", lambda: images(32, 1), "predicted_depth", ("pixel_values",), num_encoder_blocks=4, depths=[1, 1, 1, 1], sr_ratios=[2, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=8),
    plain("PoolFormerForImageClassification", "PoolFormerConfig", lambda: images(32, 1), kwargs=("pixel_values",), hidden_sizes=[8, 16, 16, 24], depths=[1, 1, 1, 1]),
    plain("BitForImageClassification", "BitConfig", lambda: images(32, 1), kwargs=("pixel_values",), embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_groups=4),
    plain("HubertForCTC", "HubertConfig", lambda: (torch.randn(1, 400),), kwargs=("input_values",), vocab_size=12, hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=40, conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 4), num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2),
    plain("WavLMForCTC", "WavLMConfig", lambda: (torch.randn(1, 400),), kwargs=("input_values",), vocab_size=12, hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=40, conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 4), num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, num_buckets=8, max_bucket_distance=16),
    plain("ASTForAudioClassification", "ASTConfig", lambda: (torch.randn(1, 20, 16),), kwargs=("input_values",), hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=40, patch_size=8, frequency_stride=4, time_stride=4, max_length=20, num_mel_bins=16),
    plain("Wav2Vec2ConformerForCTC", "Wav2Vec2ConformerConfig", lambda: (torch.randn(1, 400),), kwargs=("input_values",), vocab_size=12, hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=40, conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 4), num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, conv_depthwise_kernel_size=3),
    plain("Speech2TextForConditionalGeneration", "Speech2TextConfig", lambda: (torch.randn(1, 16, 8), torch.ones(1, 16).long(), torch.randint(0, 65, (1, 5))), kwargs=("input_features", "attention_mask", "decoder_input_ids"), vocab_size=65, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, input_feat_per_channel=8, conv_channels=16, max_source_positions=16, max_target_positions=16),
    plain("PatchTSTForPrediction", "PatchTSTConfig", lambda: (torch.randn(2, 16, 2),), "prediction_outputs", ("past_values",), num_input_channels=2, context_length=16, patch_length=4, patch_stride=4, prediction_length=3, d_model=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=24, loss="mse", distribution_output="normal"),
    plain("PatchTSMixerForPrediction", "PatchTSMixerConfig", lambda: (torch.randn(2, 16, 2),), "prediction_outputs", ("past_values",), context_length=16, patch_length=4, patch_stride=4, num_input_channels=2, prediction_length=3, d_model=8, num_layers=1),
    series("TimeSeriesTransformer"),
    series("Informer", attention_type="full"),
    detection,
    perceiver,
    segment_anything,
    vocoder,
    codec,
    plain("DecisionTransformerModel", "DecisionTransformerConfig", lambda: (torch.randn(1, 4, 5), torch.randn(1, 4, 3), torch.randn(1, 4, 1), torch.arange(4)[None], torch.ones(1, 4).long()), "action_preds", ("states", "actions", "returns_to_go", "timesteps", "attention_mask"), state_dim=5, act_dim=3, hidden_size=24, n_layer=1, n_head=3, max_ep_len=8, n_positions=32),
    plain("JambaForCausalLM", "JambaConfig", alone, num_key_value_heads=2, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=4, expert_layer_offset=3, mamba_d_state=4, mamba_d_conv=3, mamba_dt_rank=4, use_mamba_kernels=False, pad_token_id=0, **small),
    plain("xLSTMForCausalLM", "xLSTMConfig", alone, vocab_size=65, hidden_size=32, num_blocks=1, num_heads=2, chunk_size=4, mode="inference", step_kernel="native", sequence_kernel="native_sequence__native", chunkwise_kernel="chunkwise--native_autograd"),
]  # fmt: skip
