"""transformers' families that families.py does not have: language, seeing, hearing, series, detection."""

import torch
from families import alone, decoder, masked, plain, seeing
from more import ids, images, small
from torch import nn

wave = dict(vocab_size=12, hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=40, conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 4), num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2)


def heard(name, **options):
    return plain(f"{name}ForCTC", f"{name}Config", lambda: (torch.randn(1, 400),), kwargs=("input_values",), **{**wave, **options})


def pixels(name, config, output="logits", size=32, **options):
    return plain(name, config, lambda: images(size, 1), output, ("pixel_values",), **options)


def experts(name, **options):
    """Models of experts, which gather tokens by where they go unless they are told to multiply them all."""
    make = decoder(name, **options)

    def batched():
        model, inputs = make()
        for module in model.modules():
            if hasattr(getattr(module, "config", None), "_experts_implementation"):
                module.config._experts_implementation = "batched_mm"
        return model, inputs

    batched.__name__ = make.__name__
    return batched


architectures = [
    masked("Nystromformer", num_landmarks=2, segment_means_seq_len=2, conv_kernel_size=3), masked("RemBert", input_embedding_size=16, output_embedding_size=20),
    masked("Yoso", use_expectation=True), masked("MegatronBert"), masked("Data2VecText"), masked("RobertaPreLayerNorm"), masked("Mra", block_per_row=1, approx_mode="full"),
    masked("NomicBert"), masked("EuroBert", num_key_value_heads=2, pad_token_id=0),
    plain("SplinterForQuestionAnswering", "SplinterConfig", ids, "start_logits", max_position_embeddings=32, **small),
    plain("LukeForMaskedLM", "LukeConfig", ids, entity_vocab_size=5, entity_emb_size=8, max_position_embeddings=32, **small),
    plain("ReformerForMaskedLM", "ReformerConfig", alone, vocab_size=65, attn_layers=["local"], axial_pos_embds=False, hidden_size=24, num_attention_heads=3, attention_head_size=8, feed_forward_size=40, local_attn_chunk_length=5, max_position_embeddings=32, is_decoder=False),
    plain("GPTBigCodeForCausalLM", "GPTBigCodeConfig", ids, vocab_size=65, n_embd=24, n_layer=1, n_head=3, n_positions=32),
    decoder("Persimmon"), decoder("Cohere2", num_key_value_heads=2, sliding_window=4, pad_token_id=0),
    decoder("Olmo3", num_key_value_heads=2, sliding_window=4), decoder("SmolLM3", num_key_value_heads=2, pad_token_id=0), decoder("Helium", num_key_value_heads=2, head_dim=6),
    decoder("DiffLlama", num_key_value_heads=2), decoder("Arcee", num_key_value_heads=2), decoder("Lfm2", num_key_value_heads=2, layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False), decoder("BitNet", num_key_value_heads=2),
    experts("Qwen2Moe", num_key_value_heads=2, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=16, shared_expert_intermediate_size=24), experts("Mixtral", num_key_value_heads=2, num_local_experts=3), experts("GptOss", num_key_value_heads=2, head_dim=8, num_local_experts=3, num_experts_per_tok=2, sliding_window=4),
    experts("DeepseekV2", num_key_value_heads=4, n_routed_experts=3, num_experts_per_tok=2, n_shared_experts=1, moe_intermediate_size=16, kv_lora_rank=8, q_lora_rank=8, qk_rope_head_dim=4, qk_nope_head_dim=4, v_head_dim=6, first_k_dense_replace=1),
    plain("FalconMambaForCausalLM", "FalconMambaConfig", alone, vocab_size=65, hidden_size=16, state_size=4, num_hidden_layers=1, conv_kernel=3, time_step_rank=4),
    plain("BambaForCausalLM", "BambaConfig", alone, num_key_value_heads=2, attn_layer_indices=[1], mamba_n_heads=4, mamba_d_head=12, mamba_d_state=4, mamba_n_groups=1, mamba_chunk_size=4, pad_token_id=0, **small),
    plain("Qwen3NextForCausalLM", "Qwen3NextConfig", alone, num_key_value_heads=2, head_dim=8, layer_types=["linear_attention", "full_attention"], linear_num_value_heads=2, linear_num_key_heads=2, linear_key_head_dim=4, linear_value_head_dim=4, linear_conv_kernel_dim=3, num_experts=0, mlp_only_layers=[0, 1], **small),
    heard("UniSpeech"), heard("UniSpeechSat"), heard("SEW", squeeze_factor=2), heard("SEWD", squeeze_factor=2, max_position_embeddings=32, position_buckets=8, pos_att_type=("p2c", "c2p")), heard("Data2VecAudio"),
    pixels("ResNetForImageClassification", "ResNetConfig", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]), pixels("RegNetForImageClassification", "RegNetConfig", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=4),
    pixels("MobileViTV2ForImageClassification", "MobileViTV2Config", size=64, image_size=64, width_multiplier=0.25, expand_ratio=1.0, n_attn_blocks=[1, 1, 1]),
    pixels("MobileNetV1ForImageClassification", "MobileNetV1Config", depth_multiplier=0.25), pixels("LevitForImageClassification", "LevitConfig", size=64, image_size=64, hidden_sizes=[16, 24, 32], num_attention_heads=[2, 2, 2], depths=[1, 1, 1], key_dim=[8, 8, 8]),
    pixels("DPTForDepthEstimation", "DPTConfig", "predicted_depth", hidden_size=24, num_hidden_layers=4, num_attention_heads=3, intermediate_size=40, image_size=32, patch_size=8, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8),
    pixels("Swin2SRForImageSuperResolution", "Swin2SRConfig", "reconstruction", image_size=16, embed_dim=12, depths=[2], num_heads=[2], window_size=4, size=16),
    pixels("PvtForImageClassification", "PvtConfig", image_size=32, hidden_sizes=[8, 16, 16, 24], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2]), pixels("EfficientNetForImageClassification", "EfficientNetConfig", size=64, image_size=64, width_coefficient=0.25, depth_coefficient=0.25, hidden_dim=320),
    seeing("ViTMSNForImageClassification"), seeing("IJepaForImageClassification"), seeing("Dinov2WithRegistersForImageClassification", num_register_tokens=2), seeing("Data2VecVisionForImageClassification"),
    plain("ViltForQuestionAnswering", "ViltConfig", lambda: (*ids(length=6), torch.zeros(2, 6).long(), torch.randn(2, 3, 16, 16)), kwargs=("input_ids", "attention_mask", "token_type_ids", "pixel_values"), image_size=16, patch_size=8, max_position_embeddings=16, num_labels=4, max_image_length=4, **small),
    plain("BlipTextModel", "BlipTextConfig", ids, "last_hidden_state", max_position_embeddings=32, is_decoder=False, encoder_hidden_size=24, **small),
    plain("ImageGPTForImageClassification", "ImageGPTConfig", alone, vocab_size=65, n_embd=24, n_layer=1, n_head=3, n_positions=32),
    plain("UMT5EncoderModel", "UMT5Config", ids, "last_hidden_state", vocab_size=65, d_model=24, d_kv=8, d_ff=40, num_layers=1, num_heads=3),
]  # fmt: skip
