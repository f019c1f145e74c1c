"""The same network in PyTorch, explained by Captum and pytorch-grad-cam, and bare in ONNX Runtime."""
import numpy as np
import onnx
import onnxruntime
import torch
from captum.attr import GuidedBackprop, LayerGradCam, Occlusion, Saliency
from onnx import numpy_helper
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def vgg16(path):
    """The network in the ONNX file, as a PyTorch module that gives logits."""
    weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in onnx.load(path).graph.initializer}
    layers, channels = [], 3
    for block, (count, filters) in enumerate(BLOCKS, 1):
        for conv in range(1, count + 1):
            layers += [(f"block{block}_conv{conv}", nn.Conv2d(channels, filters, 3, padding=1)), (None, nn.ReLU())]
            channels = filters
        layers.append((None, nn.MaxPool2d(2)))
    layers.append((None, nn.Flatten()))
    for name, (inputs, outputs) in {"fc1": (25088, 4096), "fc2": (4096, 4096), "predictions": (4096, 1000)}.items():
        layers += [(name, nn.Linear(inputs, outputs)), (None, nn.ReLU())]
    layers.pop()
    for name, layer in layers:
        if name:
            layer.weight.data, layer.bias.data = weights[f"{name}/kernel"], weights[f"{name}/bias"]
    return nn.Sequential(*(layer for _, layer in layers)).eval()


class Peers:
    def __init__(self, path, picture):
        """`picture` is a PIL image of 224x224."""
        self.network = vgg16(path)
        self.last_relu = [layer for layer in self.network if isinstance(layer, nn.ReLU)][12]
        self.session = onnxruntime.InferenceSession(path)
        bgr = np.asarray(picture, np.float32)[..., ::-1] - np.float32([103.939, 116.779, 123.68])
        self.array = np.ascontiguousarray(bgr.transpose(2, 0, 1)[None])
        self.input = torch.from_numpy(self.array)
        self.target = int(self.torch_forward().argmax())
        self.grad_cam_library = GradCAM(model=self.network, target_layers=[self.last_relu])

    def bare(self, batch=1):
        return self.session.run(["predictions"], {"input": np.repeat(self.array, batch, axis=0)})

    def torch_forward(self):
        with torch.no_grad():
            return self.network(self.input)

    def captum_saliency(self):
        return Saliency(self.network).attribute(self.input.clone().requires_grad_(), target=self.target)

    def captum_guided(self):
        return GuidedBackprop(self.network).attribute(self.input.clone().requires_grad_(), target=self.target)

    def captum_grad_cam(self):
        cam = LayerGradCam(self.network, self.last_relu)
        return cam.attribute(self.input.clone().requires_grad_(), target=self.target, relu_attributions=True)

    def pytorch_grad_cam(self):
        return self.grad_cam_library(input_tensor=self.input.clone(), targets=[ClassifierOutputTarget(self.target)])

    def captum_occlusion(self, patch, stride, batch=8):
        with torch.no_grad():
            return Occlusion(self.network).attribute(
                self.input, (3, patch, patch), (3, stride, stride), target=self.target, perturbations_per_eval=batch, baselines=0.5
            )
