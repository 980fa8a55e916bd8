"""
Exports Keras models by tf2onnx, every weight and statistic drawn at random: python tensorflow_export.py FOLDER [NAME …]

Needs tensorflow and tf2onnx. The small models in packages/core/testdata/tensorflow are gru, lstm, attention and convolutions.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

L, Model, Input, Sequential = tf.keras.layers, tf.keras.Model, tf.keras.Input, tf.keras.Sequential


def gelu(x):
    return tf.keras.activations.gelu(x, approximate=True)  # tf2onnx has no Erfc


def dense():
    return Sequential([Input((8,)), L.Dense(16, "relu"), L.Dropout(0.3), L.Dense(12, gelu), L.LeakyReLU(0.2), L.Dense(4, "softmax")])


def convolutions():
    """One batch normalisation is folded into its convolution, the other stands before a nonlinearity of its own."""
    return Sequential([
        Input((6, 6, 2)), L.Conv2D(3, 3, 2, "same"), L.BatchNormalization(), L.ReLU(), L.DepthwiseConv2D(2), L.ReLU(6.0),
        L.Conv2D(3, 1, use_bias=False), L.BatchNormalization(), L.Activation("swish"), L.GlobalAveragePooling2D(), L.Dense(3),
    ])  # fmt: skip


def mobile():
    image = x = Input((16, 16, 3))
    for stride in (2, 1):
        x = L.ReLU(6.0)(L.BatchNormalization()(L.DepthwiseConv2D(3, stride, "same", use_bias=False)(x)))
        x = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(8, 1, use_bias=False)(x)))
    x = L.GlobalAveragePooling2D(keepdims=True)(L.SeparableConv2D(6, 3)(x))
    return Model(image, L.Flatten()(L.Conv2D(4, 1)(x)))


def residual():
    image = Input((8, 8, 4))
    x = L.Activation("relu")(L.BatchNormalization()(L.Conv2D(8, 3, 2)(L.ZeroPadding2D(1)(image))))
    y = L.Activation("relu")(L.BatchNormalization()(L.Conv2D(8, 3, padding="same")(x)))
    y = L.BatchNormalization()(L.Conv2D(8, 3, padding="same")(y))
    x = L.Activation("hard_sigmoid")(L.Add()([L.Conv2D(8, 1)(x), y]))
    return Model(image, L.Dense(3)(L.Flatten()(L.AveragePooling2D(2)(x))))


def convolutions_1d():
    return Sequential([
        Input((20, 3)), L.Conv1D(6, 3, padding="causal", activation="relu"), L.Conv1D(8, 3, dilation_rate=2, activation="tanh"),
        L.MaxPooling1D(2), L.BatchNormalization(), L.GlobalMaxPooling1D(), L.Dense(3),
    ])  # fmt: skip


def convolutions_3d():
    return Sequential([
        Input((6, 6, 6, 2)), L.Conv3D(4, 3, activation="relu", padding="same"), L.MaxPooling3D(2), L.BatchNormalization(),
        L.Conv3DTranspose(3, 2, 2), L.GlobalMaxPooling3D(), L.Dense(3),
    ])  # fmt: skip


def text(*layers):
    return Sequential([Input((5,)), L.Embedding(9, 3), *layers, L.Dense(2)])


def lstm():
    return text(L.LSTM(3, return_sequences=True), L.LSTM(2))


def gru():
    """A loop, into which the weights are handed as states."""
    return text(L.GRU(3))


def gru_before():
    return text(L.GRU(5, reset_after=False, return_sequences=True), L.GlobalAveragePooling1D())


def bidirectional():
    return text(L.Bidirectional(L.LSTM(5, return_sequences=True)), L.Bidirectional(L.GRU(4)))


def masked():
    return Sequential([Input((7,)), L.Embedding(30, 6, mask_zero=True), L.Bidirectional(L.LSTM(5)), L.Dense(2)])


def simple_recurrent():
    return Sequential([Input((7, 3)), L.SimpleRNN(5, return_sequences=True), L.SimpleRNN(4), L.Dense(2)])


def convolutional_lstm():
    return Sequential([Input((3, 6, 6, 2)), L.ConvLSTM2D(4, 3, padding="same"), L.GlobalAveragePooling2D(), L.Dense(2)])


def frames():
    steps = [L.TimeDistributed(L.Conv2D(3, 3)), L.TimeDistributed(L.Flatten())]
    return Sequential([Input((4, 6, 6, 2)), *steps, L.LSTM(5), L.Dense(2)])


def encoder():
    tokens = Input((6,))
    x = L.Embedding(20, 8)(tokens)
    for _ in range(2):
        x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x)]))
        x = L.LayerNormalization()(L.Add()([x, L.Dense(8)(L.Dense(16, gelu)(x))]))
    return Model(tokens, L.Dense(3)(L.GlobalAveragePooling1D()(x)))


def attention():
    """Causal, of two heads, whose projections have biases [heads, width]."""
    sequence = Input((3, 4))
    x = L.MultiHeadAttention(2, 2)(sequence, sequence, use_causal_mask=True)
    return Model(sequence, L.Dense(3)(L.LayerNormalization()(L.Add()([sequence, x]))))


def sequence_to_sequence():
    source, target = Input((5, 4)), Input((3, 4))
    seen, *states = L.LSTM(6, return_sequences=True, return_state=True)(source)
    query = L.LSTM(6, return_sequences=True)(target, initial_state=states)
    both = [L.Attention(use_scale=True)([query, seen]), L.AdditiveAttention()([query, seen])]
    return Model([source, target], L.Dense(3)(L.Concatenate()([query, *both])))


def recommender():
    user, items = Input((1,), dtype="int32"), Input((5,), dtype="int32")
    bag = L.Lambda(lambda x: tf.reduce_sum(x, 1), output_shape=(6,))(L.Embedding(15, 6)(items))
    taste = L.Flatten()(L.Embedding(12, 6)(user))
    x = L.Dense(8, "relu")(L.Concatenate()([taste, bag, L.Dot(1)([taste, bag])]))
    return Model([user, items], L.Dense(1, "sigmoid")(x))


def wide_and_deep():
    numbers, category = Input((4,)), Input((1,), dtype="int32")
    scaled = L.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 3.0, 4.0])(numbers)
    deep = L.Concatenate()([scaled, L.Flatten()(L.Embedding(9, 3)(category))])
    wide = L.Concatenate()([numbers, L.CategoryEncoding(9, output_mode="one_hot")(category)])
    deep = L.Dense(1)(L.Dense(8, "selu")(L.Dense(8, "elu")(deep)))
    return Model([numbers, category], L.Add()([L.Dense(1)(wide), deep]))


def unet():
    image = Input((16, 16, 2))
    down = L.Conv2D(4, 3, padding="same", activation="relu")(image)
    bottom = L.Conv2D(6, 3, padding="same", activation="relu")(L.MaxPooling2D()(down))
    x = L.Concatenate()([L.Conv2DTranspose(4, 2, 2, "same")(bottom), down])
    x = L.Conv2D(3, 3, 2, "same")(L.UpSampling2D(2, interpolation="bilinear")(x))
    return Model(image, L.Cropping2D(1)(L.Conv2DTranspose(2, 3)(x)))


def autoencoder():
    return Sequential([
        Input((8, 8, 1)), L.Conv2D(4, 3, 2, "same", activation="relu"), L.Flatten(), L.Dense(3), L.Dense(64, "relu"),
        L.Reshape((4, 4, 4)), L.Conv2DTranspose(4, 3, 2, "same", activation="softplus"), L.UpSampling2D(2),
        L.MaxPooling2D(2), L.Conv2D(1, 3, padding="same", activation="sigmoid"),
    ])  # fmt: skip


def normalised():
    return Sequential([
        Input((8, 8, 4)), L.Conv2D(8, 3, padding="same"), L.GroupNormalization(4), L.PReLU(shared_axes=[1, 2]),
        L.Conv2D(8, 3, dilation_rate=2), L.LayerNormalization(), L.SpatialDropout2D(0.2), L.GaussianNoise(0.1),
        L.GlobalAveragePooling2D(), L.Dense(3),
    ])  # fmt: skip


def squeeze_and_excite():
    image = Input((8, 8, 4))
    x = L.Conv2D(8, 3, padding="same", activation="hard_swish")(image)
    gate = L.Conv2D(4, 1, activation="relu")(L.Reshape((1, 1, 8))(L.GlobalAveragePooling2D()(x)))
    x = L.UnitNormalization()(L.Activation("mish")(L.Multiply()([x, L.Conv2D(8, 1, activation="sigmoid")(gate)])))
    return Model(image, L.Dense(3)(L.GlobalAveragePooling2D()(x)))


def resized():
    shuffle = L.Lambda(lambda x: tf.nn.depth_to_space(x, 2), output_shape=(12, 12, 2))
    shrink = L.Lambda(lambda x: tf.image.resize(x, (6, 6), method="bicubic"), output_shape=(6, 6, 2))
    return Sequential([Input((6, 6, 2)), L.Conv2D(8, 3, padding="same"), shuffle, shrink, L.Conv2D(3, 1)])


def response_normalised():
    local = L.Lambda(lambda x: tf.nn.local_response_normalization(x, 2), output_shape=(6, 6, 8))
    unit = L.Lambda(lambda x: tf.nn.l2_normalize(x, -1), output_shape=(6, 6, 8))
    return Sequential([Input((6, 6, 6)), L.Conv2D(8, 3, padding="same"), local, unit, L.GlobalMaxPooling2D(), L.Dense(2)])


architectures = [
    dense, convolutions, mobile, residual, convolutions_1d, convolutions_3d, lstm, gru, gru_before, bidirectional, masked,
    simple_recurrent, convolutional_lstm, frames, encoder, attention, sequence_to_sequence, recommender, wide_and_deep, unet,
    autoencoder, normalised, squeeze_and_excite, resized, response_normalised,
]  # fmt: skip


def randomise(model):
    draw = np.random.default_rng(0)
    for weight in model.weights:
        if "float" not in str(weight.dtype):
            continue
        shape = tuple(weight.shape)
        spread = 0.3 if len(shape) < 2 else 1 / np.sqrt(np.prod(shape[:-1]))
        centre = 1.0 if weight.name == "gamma" else 0.0
        values = draw.normal(centre, spread, shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.name else values)


def export(make, folder, opset=15):
    tf.keras.backend.clear_session()
    model = make()
    randomise(model)
    signature = [tf.TensorSpec([None, *i.shape[1:]], i.dtype, name=i.name) for i in model.inputs]
    call = tf.function(lambda *x: model(x[0] if len(x) == 1 else list(x), training=False), input_signature=signature)
    proto, _ = tf2onnx.convert.from_function(call, input_signature=signature, opset=opset)
    onnx.save(proto, folder / f"{make.__name__}.onnx")


if __name__ == "__main__":
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    for make in architectures:
        if not names or make.__name__ in names:
            export(make, folder)
            print(make.__name__, flush=True)
