"""Keras' networks for zoo.py: settled, differentiated by `tf.GradientTape`, and exported by Keras and by tf2onnx."""
import contextlib
import functools
import gc
import os
import tempfile
import unittest.mock

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="", KERAS_BACKEND="tensorflow")

import keras
import numpy as np
import tensorflow as tf
import tf2onnx.convert
from tf2onnx.optimizer.optimizer_base import GraphOptimizerBase

import zoo_keras_small

RECTIFIERS = {"relu": np.inf, "relu6": 6.0}
# How far a bias may be nudged, in standard deviations of the channel's values.
NUDGE = 0.1
# How often a filter before a max-pool may be altered, and by what part of its weights.
ALTERATIONS, ALTERED = 4, 0.01

FULL = {
    "vgg16": keras.applications.VGG16,
    "vgg19": keras.applications.VGG19,
    "resnet50": keras.applications.ResNet50,
    "mobilenet": keras.applications.MobileNet,
    "xception": keras.applications.Xception,
    "densenet121": keras.applications.DenseNet121,
    "nasnet_mobile": keras.applications.NASNetMobile,
    "efficientnet_b0": keras.applications.EfficientNetB0,
}
# VGG smaller: tf2onnx takes some 25 times the memory of the weights, and a full `fc1` has half a gigabyte of them.
SIZES = {"vgg16": 64, "vgg19": 64, "xception": 299}


class Network:
    """A network to settle, differentiate and export; `make` takes the last layer's activation."""

    def __init__(self, name, make, size, exporters=zoo_keras_small.BOTH):
        self.name, self.make, self.size, self.exporters = f"keras_{name}", make, (size, size), exporters

    def prepare(self, seed, picture):
        keras.utils.set_random_seed(seed)
        self.picture, self.models = picture.transpose(0, 2, 3, 1), {}
        model = self.model("float64")
        settle(model, self.picture, np.random.default_rng(seed))
        self.weights = [weight.numpy().astype("float32") for weight in model.weights]
        self.target = int(np.argmax(model(self.picture.astype("float64"))))

    def model(self, precision):
        """The model with logits, built once: TensorFlow does not give back all that a model takes."""
        if precision not in self.models:
            self.models[precision] = self.build(precision, None)
        use(precision)
        return self.models[precision]

    def build(self, precision, activation):
        keras.backend.clear_session()
        use(precision)
        return self.make(activation)

    def answers(self, precision, off=0.0, draw=0):
        """The logits and gradients, with weights that are off by about so much."""
        model, random = self.model(precision), np.random.default_rng(draw)
        for weight, value in zip(model.weights, self.weights, strict=True):
            weight.assign(put_off(value, off, random) if off else value)

        # A graph computes only what is asked for; TensorFlow 2.21 crashes in the kernels' gradients otherwise.
        def gradient():
            logits, plain = tf.function(logits_and_gradient)(model, tf.constant(self.picture, precision), self.target)
            return logits.numpy(), plain.numpy().transpose(2, 0, 1)

        used = set()
        with rectifiers(lambda name, function, x: (used.add(name), function(x))[1]):
            logits, plain = gradient()
        answers = {"logits": logits, "gradient": plain}
        if used and not any(smooth(layer) for layer in model.layers):
            # NASNet rectifies a value once for each of its readers, which tf2onnx makes one rectifier.
            rectified = {}
            with rectifiers(lambda name, function, x: rectified.setdefault(id(x), (x, guided(x, RECTIFIERS[name])))[1]):
                answers["guided"] = gradient()[1]
        return answers

    def export(self, exporter, path):
        use("float32")
        model = self.make("softmax")
        model.set_weights(self.weights)
        # tf2onnx needs the memory.
        self.weights.clear()
        model(self.picture)
        with collecting_garbage():
            EXPORTERS[exporter](model, path)

    def __getstate__(self):
        return {**self.__dict__, "models": {}}


def export_by_keras(model, path):
    model.export(str(path), format="onnx", verbose=False)


def export_by_tf2onnx(model, path):
    with tempfile.TemporaryDirectory() as directory:
        model.export(directory, verbose=False)
        command = ["tf2onnx.convert", "--saved-model", directory, "--output", str(path)]
        with unittest.mock.patch("sys.argv", command):
            tf2onnx.convert.main()


EXPORTERS = {"keras": export_by_keras, "tf2onnx": export_by_tf2onnx}


@contextlib.contextmanager
def collecting_garbage():
    """Frees the graphs that each of tf2onnx's optimizers leaves behind in cycles: all weights, some 25 times over."""
    optimize = GraphOptimizerBase.optimize

    def frugal(optimizer, *arguments):
        gc.collect()
        return optimize(optimizer, *arguments)

    with unittest.mock.patch.object(GraphOptimizerBase, "optimize", frugal):
        yield


def put_off(value, off, random):
    """`value` with each element off by about `off` of itself; in place, for a dense layer's kernel takes a gigabyte."""
    result = random.standard_normal(value.shape)
    result *= off
    result += 1
    result *= value
    return result


def use(precision):
    keras.config.set_dtype_policy(precision)
    keras.config.set_floatx(precision)


def logits_and_gradient(model, picture, target):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(picture)
        logits = model(picture)
        logit = logits[0, target]
    return logits[0], tape.gradient(logit, picture)[0]


def smooth(layer):
    """Whether the layer's activation is one that is bent everywhere."""
    return getattr(layer, "activation", None) in (keras.activations.silu, keras.activations.sigmoid)


@contextlib.contextmanager
def rectifiers(replacement):
    """Calls `replacement(name, function, x)` wherever TensorFlow rectifies."""
    functions = {name: getattr(tf.nn, name) for name in RECTIFIERS}
    for name, function in functions.items():
        setattr(tf.nn, name, lambda x, name=name, function=function: replacement(name, function, x))
    yield
    for name, function in functions.items():
        setattr(tf.nn, name, function)


def guided(x, high):
    """Forward `min(max(x, 0), high)`, backward `dy [dy > 0] [0 < x < high]`."""

    @tf.custom_gradient
    def rectify(x):
        passes = tf.cast((x > 0) & (x < high), x.dtype)
        return tf.minimum(tf.maximum(x, 0), high), lambda dy: tf.maximum(dy, 0) * passes

    return rectify(x)


# ---- settling ----


def settle(model, picture, random):
    for weight in model.weights:
        # Biases of 0 and scales of 1 would hide their mistakes.
        value = random.standard_normal(weight.shape)
        value *= 0.1 * (weight.trainable and len(weight.shape) == 1)
        value += weight.numpy()
        weight.assign(round_to_single(value))
    with normalizing(estimate_statistics):
        model(noise(picture.shape, random))
    with normalizing(nudge), parting(model, random), fused_and_added(model):
        model(picture.astype("float64"))


def noise(shape, random):
    """Noise of several scales."""
    height, width = shape[1:3]
    pictures = np.zeros((8, height, width, 3))
    for scale in (1, 4, 16):
        coarse = random.uniform(-1, 1, (8, -(-height // scale), -(-width // scale), 3))
        pictures += coarse.repeat(scale, 1).repeat(scale, 2)[:, :height, :width]
    return pictures


@contextlib.contextmanager
def normalizing(step):
    """Does `step` where a batch normalization is called."""
    call = keras.layers.BatchNormalization.call
    keras.layers.BatchNormalization.call = lambda layer, x, **options: step(layer, x, lambda: call(layer, x, training=False))
    yield
    keras.layers.BatchNormalization.call = call


def estimate_statistics(layer, x, normalize):
    axes = tuple(range(len(x.shape) - 1))
    layer.moving_mean.assign(round_to_single(np.mean(x, axes)))
    layer.moving_variance.assign(round_to_single(np.var(x, axes)))
    return normalize()


def nudge(layer, _, normalize):
    return shifted(normalize(), layer.beta)


@contextlib.contextmanager
def fused_and_added(model):
    """Nudges the biases of layers with an activation of their own, and those of what goes into a sum only."""
    restore = []
    for layer in model.layers:
        if getattr(layer, "activation", None) is keras.activations.relu and getattr(layer, "bias", None) is not None:
            layer.activation = lambda x, layer=layer: keras.activations.relu(shifted(x, layer.bias))
            restore.append(lambda layer=layer: setattr(layer, "activation", keras.activations.relu))
        if isinstance(layer, keras.layers.Add):
            before = [tensor._keras_history.operation for tensor in layer.input]
            free = [one for one in before if isinstance(one, keras.layers.BatchNormalization) and len(one._outbound_nodes) == 1]
            if free:
                call = layer.call
                layer.call = lambda x, call=call, beta=free[0].beta: shifted(call(x), beta)
                restore.append(lambda layer=layer: delattr(layer, "call"))
    yield
    for undo in restore:
        undo()


@contextlib.contextmanager
def parting(model, random):
    """Parts what goes into max-pools from convolutions, rectified or normalized or neither."""
    parted = []
    for pool in model.layers:
        if not isinstance(pool, keras.layers.MaxPooling2D):
            continue
        source = pool.input._keras_history.operation
        if isinstance(source, keras.layers.BatchNormalization):
            source = source.input._keras_history.operation
        if isinstance(source, keras.layers.Conv2D | keras.layers.SeparableConv2D):
            source.call = lambda x, layer=source, call=source.call, pool=pool: part(layer, call, pool, x, random)
            parted.append(source)
    yield
    for layer in parted:
        del layer.call


def part(layer, call, pool, x, random):
    """The layer's output, its filters altered a little to where no window of the pool has two largest inputs that are nearly equal."""
    kernel = layer.pointwise_kernel if isinstance(layer, keras.layers.SeparableConv2D) else layer.kernel
    activation, layer.activation = layer.activation, keras.activations.linear
    best, margin = kernel.numpy(), margins(call(x), pool)
    for _ in range(ALTERATIONS):
        altered = round_to_single(best * (1 + ALTERED * random.standard_normal(best.shape)))
        kernel.assign(altered)
        found = margins(call(x), pool)
        best, margin = np.where(found > margin, altered, best), np.maximum(found, margin)
    kernel.assign(best)
    layer.activation = activation
    return call(x)


def margins(x, pool):
    """For each channel of `x` the least difference of the two largest inputs of a window."""
    # What windows are padded with is 0, and then never the largest.
    positive = x - tf.reduce_min(x) + 1
    sizes, strides = ((1, *lengths, 1) for lengths in (pool.pool_size, pool.strides))
    windows = tf.image.extract_patches(positive, sizes, strides, (1, 1, 1, 1), pool.padding.upper()).numpy()
    windows = windows.reshape(-1, np.prod(pool.pool_size), x.shape[-1])
    largest = np.partition(windows, -2, axis=1)
    return (largest[:, -1] - largest[:, -2]).min(0)


def shifted(x, bias):
    """`x` with `bias`, part of it, shifted to where no value of a channel lies near a kink."""
    values = np.sort(x.numpy().reshape(-1, x.shape[-1]), 0)
    shift = np.array([widest_gap(channel) for channel in values.T])
    shift = round_to_single(bias.numpy() + shift) - bias.numpy()
    bias.assign_add(shift)
    return x + shift


def widest_gap(values):
    """The shift that takes the sorted `values` farthest from 0, where all rectifiers have a kink, and from 6."""
    shifts = NUDGE * max(values.std(), 0.1) * np.linspace(-1, 1, 513)
    margin = np.full(shifts.shape, np.inf)
    for kink in (0.0, 6.0):
        wanted = kink - shifts
        after = np.searchsorted(values, wanted)
        for neighbour in (after - 1, after):
            margin = np.minimum(margin, np.abs(values[neighbour.clip(0, len(values) - 1)] - wanted))
    return shifts[margin.argmax()]


def round_to_single(values):
    return values.astype("float32").astype("float64")


# ---- the networks ----


def small():
    for name, make, size, exporters in zoo_keras_small.NETWORKS:
        yield Network(name, make, size, exporters)


def damped(model):
    """As in `zoo_torch`: EfficientNet's residual branches add little."""
    names = {layer.name for layer in model.layers}
    for layer in model.layers:
        block, _, part = layer.name.rpartition("_project_")
        if part == "bn" and f"{block}_add" in names:
            layer.gamma.assign(0.2 * layer.gamma)
    return model


def awake(model):
    """Layers that rectify keep the scale of what they get (He et al., 2015); in VGG, Keras' initial weights halve it in each."""
    for layer in model.layers:
        if getattr(layer, "activation", None) is keras.activations.relu and hasattr(layer, "kernel"):
            kernel = layer.kernel.numpy()
            layer.kernel.assign(kernel * np.sqrt(2 / np.prod(kernel.shape[:-1])) / kernel.std())
    return model


def make_full(application, size, activation):
    return awake(damped(application(input_shape=(size, size, 3), weights=None, classifier_activation=activation)))


def full():
    for name, application in FULL.items():
        size = SIZES.get(name, 224)
        yield Network(name, functools.partial(make_full, application, size), size)
