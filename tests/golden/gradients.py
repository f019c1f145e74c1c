"""Write PyTorch's gradients of two VGG16s, which tests/golden_gradients.rs compares with ours.

usage: python tests/golden/gradients.py      (from the top of the repository; needs torch, numpy, onnx; about two minutes)

Weights and pictures that are not in the repository come from a hash of their index, which the test computes too. Of each
input gradient, every fifth row and column is kept, so that the files stay small. Autograd's own backward gives the standard
gradient; hooks at each ReLU give guided backpropagation (dx = dy [dy > 0] [x > 0]) and the DeconvNet rule (dx = dy [dy > 0]).
"""
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

from hashed import uniform

BLOCKS = ((1, 2, 64), (2, 2, 128), (3, 3, 256), (4, 3, 512), (5, 3, 512))
OUT = "tests/golden/gradients"


def default_model():
    model = onnx.load("models/vgg16-caltech101/model.onnx")
    return {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer}


def full_size():
    weights, channels, seed = {}, 3, 1

    def layer(name, shape):
        nonlocal seed
        fan_in = int(np.prod(shape[1:]))
        weights[f"{name}/kernel"] = torch.from_numpy(uniform(seed, shape, (6 / fan_in) ** 0.5))
        weights[f"{name}/bias"] = torch.from_numpy(uniform(seed + 1, shape[:1], 0.05))
        seed += 2

    for block, count, filters in BLOCKS:
        for conv in range(1, count + 1):
            layer(f"block{block}_conv{conv}", (filters, channels, 3, 3))
            channels = filters
    layer("fc1", (4096, 25088)), layer("fc2", (4096, 4096)), layer("predictions", (1000, 4096))
    return weights


class Rectify(torch.autograd.Function):
    """ReLU with one of the three backward rules."""

    @staticmethod
    def forward(ctx, x, rule):
        ctx.save_for_backward(x)
        ctx.rule = rule
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        if ctx.rule != "standard":
            dy = dy.clamp(min=0)
        return (dy if ctx.rule == "deconvnet" else dy * (x > 0)), None


def forward(weights, x, rule):
    last = None
    for block, count, _ in BLOCKS:
        for conv in range(1, count + 1):
            name = f"block{block}_conv{conv}"
            x = F.conv2d(x, weights[f"{name}/kernel"], weights[f"{name}/bias"], padding=1)
            x = last = Rectify.apply(x, rule)
        x = F.max_pool2d(x, 2, 2)
    x = x.flatten(1)
    for name in ("fc1", "fc2"):
        x = Rectify.apply(F.linear(x, weights[f"{name}/kernel"], weights[f"{name}/bias"]), rule)
    return last, F.linear(x, weights["predictions/kernel"], weights["predictions/bias"])


def write(name, weights, seed):
    picture = torch.from_numpy(uniform(seed, (1, 3, 224, 224), 100.0))
    for rule in ("standard", "guided", "deconvnet"):
        x = picture.clone().requires_grad_()
        last, logits = forward(weights, x, rule)
        logit = logits[0].max()
        at_input, at_last = torch.autograd.grad(logit, [x, last])
        np.save(f"{OUT}/{name}_{rule}.npy", at_input[0, :, ::5, ::5].numpy())
        if rule == "standard":
            cam = (at_last.mean((2, 3), keepdim=True) * last).sum(1).clamp(min=0)
            np.save(f"{OUT}/{name}_grad_cam.npy", cam[0].detach().numpy())
            np.save(f"{OUT}/{name}_logits.npy", logits[0].detach().numpy())


if __name__ == "__main__":
    write("vgg16_caltech101", default_model(), 1000)
    write("vgg16_full", full_size(), 1001)
