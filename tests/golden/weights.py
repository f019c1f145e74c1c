"""Write the default model's weights as Keras orders them, and what NumPy says of them, for tests/golden_weights.rs.

usage: python tests/golden/weights.py      (from the top of the repository; needs torch, numpy, onnx; a few seconds)

Keras' kernels are [H, W, in, out] for a convolution and [in, out] for a dense layer, and Keras flattens feature maps with the
channels last. That the kernels written here are those is checked by computing a layer's output from them as Keras would, on
feature maps with the channels last, and comparing with PyTorch's. Of large kernels a part is kept, as PARTS says.
"""
import numpy as np
import torch
import torch.nn.functional as F
from gradients import default_model, uniform

OUT = "tests/golden/weights"
PARTS = {
    "block1_conv1": np.s_[:],
    "block3_conv2": np.s_[:, :, ::5, ::7],
    "block5_conv3": np.s_[:, :, ::11, ::13],
    "fc1": np.s_[::37, ::16],
    "fc2": np.s_[::7, ::16],
    "predictions": np.s_[::4, ::4],
}


def keras_kernel(name, kernel):
    """The kernel of layer `name` in Keras' order of axes and rows."""
    if kernel.ndim == 4:
        return kernel.transpose(2, 3, 1, 0)
    if name == "fc1":  # After the flattening: rows by height, width, channel.
        outputs, inputs = kernel.shape
        channels = inputs // (7 * 7)
        return kernel.reshape(outputs, channels, 7, 7).transpose(2, 3, 1, 0).reshape(inputs, outputs)
    return kernel.T


def convolve(pictures, kernel):
    """A convolution with padding `same`, of [N, H, W, in] with [h, w, in, out]: Keras' definition, spelled out."""
    rows, columns = kernel.shape[:2]
    _, height, width, _ = pictures.shape
    padded = np.pad(pictures, ((0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)))
    windows = [
        padded[:, y : y + height, x : x + width] @ kernel[y, x] for y in range(rows) for x in range(columns)
    ]
    return np.sum(windows, axis=0)


def check(name, kernel, keras):
    """Fails unless `keras`, applied as Keras applies it, gives what PyTorch gives for `kernel`."""
    if kernel.ndim == 4:
        pictures = uniform(7, (1, kernel.shape[1], 9, 9), 1.0)
        theirs = F.conv2d(torch.from_numpy(pictures), torch.from_numpy(kernel), padding=1).permute(0, 2, 3, 1)
        ours = convolve(pictures.transpose(0, 2, 3, 1), keras)
    else:
        pictures = uniform(7, (2, kernel.shape[1] // 49, 7, 7) if name == "fc1" else (2, kernel.shape[1]), 1.0)
        theirs = F.linear(torch.from_numpy(pictures).flatten(1), torch.from_numpy(kernel))
        channels_last = pictures.transpose(0, 2, 3, 1) if name == "fc1" else pictures
        ours = channels_last.reshape(2, -1) @ keras
    assert np.allclose(ours, theirs.numpy(), atol=1e-4), name


def statistics(values):
    counts, edges = np.histogram(values, bins=32)
    wide = values.astype(np.float64)
    summary = np.array([wide.mean(), wide.std(), wide.min(), wide.max()])
    return np.concatenate([summary, counts, edges.astype(np.float64)])


if __name__ == "__main__":
    weights = {name: values.numpy() for name, values in default_model().items()}
    for name, part in PARTS.items():
        kernel = weights[f"{name}/kernel"]
        keras = keras_kernel(name, kernel)
        check(name, kernel, keras)
        np.save(f"{OUT}/{name}_kernel.npy", np.ascontiguousarray(keras[part]))
        for role in ("kernel", "bias"):
            # mean, std, min, max; 32 counts; 33 edges.
            np.save(f"{OUT}/{name}_{role}_statistics.npy", statistics(weights[f"{name}/{role}"]))
    # The article's figure, and the first layer's filters in colour: the model sees blue, green, red.
    figure = [weights[f"block{block}_conv1/kernel"][0, 0] for block in range(1, 6)]
    np.save(f"{OUT}/filters.npy", np.stack(figure))
    np.save(f"{OUT}/filters_in_color.npy", np.ascontiguousarray(weights["block1_conv1/kernel"][:, ::-1]))
