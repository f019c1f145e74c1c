"""Write what captum, pytorch-grad-cam and PyTorch find on the default model, which tests/golden_techniques.rs compares with ours.

usage: python tests/golden/techniques.py      (from the top of the repository; needs torch, numpy, onnx, captum, grad-cam;
                                               about two minutes)

The picture comes from a hash of its index, as in gradients.py, and so does SmoothGrad's noise: both sides compute them. Of
maps as large as the picture, and of feature maps, every fifth row and column is kept. All gradients are of the likeliest class's logit;
occlusion's maps are of its probability.
"""
import numpy as np
import torch
from captum.attr import IntegratedGradients, Occlusion
from gradients import BLOCKS, default_model, uniform
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM
from torch import nn

OUT = "tests/golden/techniques"
CAFFE_MEAN = (103.939, 116.779, 123.68)
CAMS = {
    "grad-cam": GradCAM,
    "grad-cam-plus-plus": GradCAMPlusPlus,
    "hirescam": HiResCAM,
    "layercam": LayerCAM,
    "xgrad-cam": XGradCAM,
    "eigencam": EigenCAM,
}


def network(weights):
    """VGG16 from picture to logits; each layer's ReLU is the module `<layer>`."""
    layers = nn.Sequential()

    def load(layer, name):
        layer.weight.data, layer.bias.data = weights[f"{name}/kernel"], weights[f"{name}/bias"]
        return layer

    for block, count, _ in BLOCKS:
        for conv in range(1, count + 1):
            name = f"block{block}_conv{conv}"
            filters, channels = weights[f"{name}/kernel"].shape[:2]
            layers.add_module(f"{name}/preactivation", load(nn.Conv2d(channels, filters, 3, padding=1), name))
            layers.add_module(name, nn.ReLU())
        layers.add_module(f"block{block}_pool", nn.MaxPool2d(2, 2))
    layers.add_module("flatten", nn.Flatten())
    for name in ("fc1", "fc2", "predictions"):
        outputs, inputs = weights[f"{name}/kernel"].shape
        layers.add_module(f"{name}/preactivation", load(nn.Linear(inputs, outputs), name))
        if name != "predictions":
            layers.add_module(name, nn.ReLU())
    return layers.eval()


def save(name, values):
    if isinstance(values, torch.Tensor):
        values = values.detach().numpy()
    np.save(f"{OUT}/{name}.npy", np.ascontiguousarray(values, dtype=np.float32))


def class_activation(model, picture, layer):
    """The library's raw maps, before it scales them to 0..1."""
    for name, method in CAMS.items():
        cam = method(model, [model.get_submodule(layer)])
        cam(picture, None)  # The likeliest class.
        features = cam.activations_and_grads.activations[0].numpy()
        gradients = cam.activations_and_grads.gradients[0].numpy() if cam.uses_gradients else None
        raw = cam.get_cam_image(picture, None, None, features, gradients, eigen_smooth=False)[0]
        if name == "eigencam" and abs(raw.min()) > abs(raw.max()):
            raw = -raw  # A component's sign is arbitrary: the largest magnitude is made positive.
        save(f"{name}_{layer}", np.maximum(raw, 0))
        cam.activations_and_grads.release()


def integrated_gradients(model, picture, target):
    black = -torch.tensor(CAFFE_MEAN).reshape(1, 3, 1, 1).expand_as(picture).contiguous()
    attributions, delta = IntegratedGradients(model).attribute(
        picture,
        black,
        target,
        n_steps=50,
        method="gausslegendre",
        internal_batch_size=10,
        return_convergence_delta=True,
    )
    save("integrated_gradients", attributions[0, :, ::5, ::5])
    save("integrated_gradients_delta", delta)


def smoothgrad(model, picture, target):
    # Seeds at whose pictures no ReLU or maximum is so near its kink that rounding decides: autograd in float64 gives the same
    # gradient within 1e-6 when each weight is moved by 3e-7 of itself at random. At most other seeds that moves it by 1e-3.
    gradients = []
    for seed in (2002, 2004, 2011):
        noisy = (picture + torch.from_numpy(uniform(seed, picture.shape, 30.0))).requires_grad_()
        gradients.append(torch.autograd.grad(model(noisy)[0, target], noisy)[0])
    save("smoothgrad", torch.stack(gradients).mean(0)[0, :, ::5, ::5])


def sliding_occlusion(probability, picture, target):
    attributions = Occlusion(probability).attribute(picture, (3, 60, 60), (3, 50, 50), baselines=0.5, target=target)
    save("occlusion_sliding", attributions[0, 0, ::5, ::5])


def layer_outputs(model, picture):
    """Feature maps after the activation: the article's layers, a pool, and a layer's channels by their means."""
    outputs = {}
    names = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv2", "block5_pool")
    hooks = [
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: outputs.update({name: output[0].clone()})
        )
        for name in names
    ]
    model(picture)
    for hook in hooks:
        hook.remove()
    for name in names:
        save(f"layer_outputs_{name}", outputs[name][:5, ::5, ::5])
    ranked = outputs["block4_conv2"].mean((1, 2)).argsort(descending=True)
    save("layer_outputs_strongest", ranked[:16])


def centered_occlusion(probability, picture, target, patch=100, stride=75):
    """The article's way: cells of `stride` pixels, and a square of `patch` pixels around each, cut at the border."""
    size = picture.shape[-1]
    starts = [cell - (patch - stride + 1) // 2 for cell in range(0, size, stride)]
    rows = []
    for top in starts:
        for left in starts:
            covered = picture.clone()
            covered[:, :, max(top, 0) : top + patch, max(left, 0) : left + patch] = 0.5
            rows.append(probability(covered)[0, target])
    save("occlusion_centered", torch.stack(rows).reshape(len(starts), len(starts)))


if __name__ == "__main__":
    model = network(default_model())
    picture = torch.from_numpy(uniform(1000, (1, 3, 224, 224), 100.0))
    target = int(model(picture).argmax())

    def probability(x):
        return model(x).softmax(1)

    for layer in ("block4_conv3", "block5_conv3"):
        class_activation(model, picture, layer)
    integrated_gradients(model, picture, target)
    smoothgrad(model, picture, target)
    with torch.no_grad():
        layer_outputs(model, picture)
        sliding_occlusion(probability, picture, target)
        centered_occlusion(probability, picture, target)
