"""Small networks of Keras' families, with Keras' layers and names."""
import keras
from keras import layers
from keras.src.applications.efficientnet import EfficientNet
from keras.src.applications.nasnet import _normal_a_cell, _reduction_a_cell

CLASSES = 5


def vgg16(activation):
    x = picture = keras.Input((64, 64, 3))
    for block, (count, filters) in enumerate(((2, 3), (2, 4), (3, 4), (3, 5), (3, 5)), 1):
        for conv in range(1, count + 1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{conv}")(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(8, activation="relu", name=name)(x)
    return keras.Model(picture, layers.Dense(CLASSES, activation=activation, name="predictions")(x), name="vgg16")


def normalized(x, name):
    return layers.BatchNormalization(epsilon=1.001e-5, name=name)(x)


def resnet50(activation):
    picture = keras.Input((64, 64, 3))
    x = layers.ZeroPadding2D(3, name="conv1_pad")(picture)
    x = normalized(layers.Conv2D(4, 7, strides=2, name="conv1_conv")(x), "conv1_bn")
    x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(layers.ZeroPadding2D(1, name="pool1_pad")(x))
    for stage, (filters, strides) in enumerate(((4, 1), (6, 2), (6, 2)), 2):
        name = f"conv{stage}_block1"
        shortcut = normalized(layers.Conv2D(2 * filters, 1, strides=strides, name=f"{name}_0_conv")(x), f"{name}_0_bn")
        for conv, (width, kernel) in enumerate(((filters, 1), (filters, 3), (2 * filters, 1)), 1):
            step = strides if conv == 1 else 1
            x = layers.Conv2D(width, kernel, strides=step, padding="same", name=f"{name}_{conv}_conv")(x)
            x = normalized(x, f"{name}_{conv}_bn")
            if conv < 3:
                x = layers.Activation("relu", name=f"{name}_{conv}_relu")(x)
        x = layers.Add(name=f"{name}_add")([shortcut, x])
        x = layers.Activation("relu", name=f"{name}_out")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(picture, layers.Dense(CLASSES, activation=activation, name="predictions")(x), name="resnet50")


def mobilenet(activation):
    picture = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="conv1")(picture)
    x = layers.ReLU(6.0, name="conv1_relu")(layers.BatchNormalization(name="conv1_bn")(x))
    for block, (filters, strides) in enumerate(((6, 1), (8, 2), (8, 1)), 1):
        if strides == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{block}")(x)
        padding = "same" if strides == 1 else "valid"
        x = layers.DepthwiseConv2D(3, strides=strides, padding=padding, use_bias=False, name=f"conv_dw_{block}")(x)
        x = layers.ReLU(6.0, name=f"conv_dw_{block}_relu")(layers.BatchNormalization(name=f"conv_dw_{block}_bn")(x))
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"conv_pw_{block}")(x)
        x = layers.ReLU(6.0, name=f"conv_pw_{block}_relu")(layers.BatchNormalization(name=f"conv_pw_{block}_bn")(x))
    x = layers.Dropout(0.001)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Reshape((CLASSES,))(layers.Conv2D(CLASSES, 1, name="conv_preds")(x))
    return keras.Model(picture, layers.Activation(activation, name="predictions")(x), name="mobilenet")


def xception(activation):
    picture = keras.Input((47, 47, 3))
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="block1_conv1")(picture)
    x = layers.Activation("relu", name="block1_conv1_act")(layers.BatchNormalization(name="block1_conv1_bn")(x))
    for block, filters in ((2, 6), (3, 8)):
        shortcut = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x)
        shortcut = layers.BatchNormalization()(shortcut)
        for conv in (1, 2):
            name = f"block{block}_sepconv{conv}"
            if block > 2 or conv > 1:
                x = layers.Activation("relu", name=f"{name}_act")(x)
            x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
        x = layers.Add()([x, shortcut])
    x = layers.SeparableConv2D(8, 3, padding="same", use_bias=False, name="block14_sepconv1")(x)
    x = layers.Activation("relu", name="block14_sepconv1_act")(layers.BatchNormalization(name="block14_sepconv1_bn")(x))
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(picture, layers.Dense(CLASSES, activation=activation, name="predictions")(x), name="xception")


def densenet121(activation):
    x = picture = keras.Input((32, 32, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False, name="conv1_conv")(x)
    for stage in (2, 3):
        for block in (1, 2):
            y = x
            for index, (filters, kernel) in enumerate(((8, 1), (4, 3))):
                name = f"conv{stage}_block{block}_{index}"
                y = layers.Activation("relu", name=f"{name}_relu")(normalized(y, f"{name}_bn"))
                y = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=f"{name}_conv")(y)
            x = layers.Concatenate(name=f"conv{stage}_block{block}_concat")([x, y])
        if stage == 2:
            x = layers.Activation("relu", name="pool2_relu")(normalized(x, "pool2_bn"))
            x = layers.AveragePooling2D(2, name="pool2_pool")(layers.Conv2D(6, 1, use_bias=False, name="pool2_conv")(x))
    x = layers.Activation("relu", name="relu")(normalized(x, "bn"))
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(picture, layers.Dense(CLASSES, activation=activation, name="predictions")(x), name="densenet121")


def nasnet_mobile(activation):
    picture = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="stem_conv1")(picture)
    x = layers.BatchNormalization(name="stem_bn1")(x)
    x, before = _reduction_a_cell(x, None, 2, block_id="reduce_2")
    x, _ = _normal_a_cell(x, before, 2, block_id="3")
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    return keras.Model(picture, layers.Dense(CLASSES, activation=activation, name="predictions")(x), name="nasnet_mobile")


def efficientnet_b0(activation):
    block = {"filters_in": 8, "filters_out": 8, "id_skip": True, "se_ratio": 0.25, "repeats": 1}
    blocks = [{**block, "kernel_size": 3, "expand_ratio": 1, "strides": 1}, {**block, "kernel_size": 5, "expand_ratio": 2, "strides": 2}]
    return EfficientNet(
        width_coefficient=0.02, depth_coefficient=1.0, default_size=32, input_shape=(32, 32, 3), blocks_args=blocks,
        weights=None, classes=CLASSES, classifier_activation=activation, name="efficientnet_b0",
    )  # fmt: skip


BOTH = ("keras", "tf2onnx")

# Name, constructor, height and width, exporters: Keras calls tf2onnx too, and only the names in the files differ.
NETWORKS = (
    ("vgg16", vgg16, 64, ("keras",)),
    ("resnet50", resnet50, 64, ("tf2onnx",)),
    ("mobilenet", mobilenet, 32, BOTH),
    ("xception", xception, 47, ("keras",)),
    ("densenet121", densenet121, 32, ("keras",)),
    ("nasnet_mobile", nasnet_mobile, 32, ("keras",)),
    ("efficientnet_b0", efficientnet_b0, 32, ("keras",)),
)
