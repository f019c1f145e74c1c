"""Write one small VGG16 under every naming that src/model/import reads, and as the ONNX model zoo's file, with PyTorch's logits.

usage: python tests/golden/vgg16.py      (from the top of the repository; needs torch, torchvision, timm, keras, safetensors, onnx)

The network has VGG16's layers at a few channels each, inputs of 64 pixels, and weights from the hash of gradients.py, as the
picture. The names are compared with those of the full networks, and Keras computes the logits from what was written for it.
"""
import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import numpy as np
import onnx
import timm
import torch
import torchvision
from gradients import uniform
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save_file

OUT = "tests/golden/vgg16"
BLOCKS = [(2, 2), (2, 3), (3, 4), (3, 5), (3, 5)]  # convolutions, and channels of each
SIDE, HIDDEN, CLASSES = 64, (12, 10), 7
DENSE = ["fc1", "fc2", "predictions"]


class VGG16(torch.nn.Module):
    """Torchvision's modules; its adaptive pooling does nothing at the size a network is made for."""

    def __init__(self):
        super().__init__()
        features, channels = [], 3
        for convolutions, filters in BLOCKS:
            for _ in range(convolutions):
                features += [torch.nn.Conv2d(channels, filters, 3, padding=1), torch.nn.ReLU()]
                channels = filters
            features.append(torch.nn.MaxPool2d(2))
        self.features = torch.nn.Sequential(*features)
        sizes = [channels * (SIDE // 32) ** 2, *HIDDEN]
        self.classifier = torch.nn.Sequential(
            torch.nn.Linear(sizes[0], sizes[1]), torch.nn.ReLU(), torch.nn.Dropout(),
            torch.nn.Linear(sizes[1], sizes[2]), torch.nn.ReLU(), torch.nn.Dropout(),
            torch.nn.Linear(sizes[2], CLASSES),
        )

    def forward(self, picture):
        return self.classifier(torch.flatten(self.features(picture), 1))


def seeded():
    network = VGG16().eval()
    for seed, parameter in enumerate(network.parameters()):
        scale = (6 / parameter[0].numel()) ** 0.5 if parameter.dim() > 1 else 0.5
        parameter.data = torch.from_numpy(uniform(seed, tuple(parameter.shape), scale))
    return network


def torchvision_names(network):
    tensors = network.state_dict()
    with torch.device("meta"):
        assert list(tensors) == list(torchvision.models.vgg16().state_dict())
    return tensors


def timm_names(network):
    """timm's classifier convolves: the last feature maps with a kernel of their size, then with one of 1."""
    names = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}
    tensors = {}
    for name, value in network.state_dict().items():
        module, role = name.rsplit(".", 1)
        module = names.get(module, module)
        if module.startswith("pre_logits") and role == "weight":
            side = SIDE // 32 if module.endswith("fc1") else 1
            value = value.reshape(len(value), -1, side, side)
        tensors[f"{module}.{role}"] = value
    with torch.device("meta"):
        full = timm.create_model("vgg16").state_dict()
    assert list(tensors) == list(full) and all(tensors[name].dim() == full[name].dim() for name in full)
    return tensors


def keras_network(network):
    """Keras' VGG16 with the weights of `network`, and what `model.weights` calls them."""
    picture = value = keras.Input((SIDE, SIDE, 3))
    for block, (convolutions, filters) in enumerate(BLOCKS, 1):
        for conv in range(1, convolutions + 1):
            name = f"block{block}_conv{conv}"
            value = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)(value)
        value = keras.layers.MaxPooling2D(name=f"block{block}_pool")(value)
    value = keras.layers.Flatten(name="flatten")(value)
    for name, units, activation in zip(DENSE, (*HIDDEN, CLASSES), ("relu", "relu", None)):
        value = keras.layers.Dense(units, activation=activation, name=name)(value)
    model = keras.Model(picture, value)

    weights = []
    for tensor in network.state_dict().values():
        value = tensor.numpy()
        if value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)
        elif value.ndim == 2:
            if not any(w.ndim == 2 for w in weights):  # fc1 reads the last feature maps: (C, H, W) becomes (H, W, C)
                value = value.reshape(len(value), -1, SIDE // 32, SIDE // 32).transpose(0, 2, 3, 1).reshape(len(value), -1)
            value = value.T
        weights.append(value)
    model.set_weights(weights)
    assert [w.path for w in model.weights] == [w.path for w in keras.applications.VGG16(weights=None).weights]
    return model, {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}


def zoo(network):
    """As MXNet exported: operator set 7, weights in float_data and listed as inputs, a batch of 1, Flatten before each Gemm."""
    nodes, initializers, inputs, value = [], [], [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, SIDE, SIDE])], "data"
    tensors = iter(network.state_dict().values())

    def add(op_type, name, parameters=False, **attributes):
        nonlocal value
        read = [value]
        for role in ("weight", "bias") if parameters else ():
            tensor = next(tensors)
            key = f"{name.removesuffix('_fwd')}_{role}"
            initializers.append(helper.make_tensor(key, TensorProto.FLOAT, tensor.shape, tensor.flatten().tolist()))
            inputs.append(helper.make_tensor_value_info(key, TensorProto.FLOAT, tensor.shape))
            read.append(key)
        nodes.append(helper.make_node(op_type, read, [name], name=name, **attributes))
        value = name

    index = 0
    for block, (convolutions, _) in enumerate(BLOCKS):
        for _ in range(convolutions):
            add("Conv", f"vgg0_conv{index}_fwd", True, kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1], dilations=[1, 1], group=1)
            add("Relu", f"vgg0_relu{index}_fwd")
            index += 1
        add("MaxPool", f"vgg0_pool{block}_fwd", kernel_shape=[2, 2], pads=[0] * 4, strides=[2, 2])
    for dense in range(3):
        add("Flatten", f"flatten_{60 + 5 * dense}")
        add("Gemm", f"vgg0_dense{dense}_fwd", True, alpha=1.0, beta=1.0, transA=0, transB=1)
        if dense < 2:
            add("Relu", f"vgg0_dense{dense}_relu_fwd")
            add("Dropout", f"vgg0_dropout{dense}_fwd", ratio=0.5)
    output = helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, CLASSES])
    graph = helper.make_graph(nodes, "mxnet_converted_model", inputs, [output], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 7)], ir_version=3)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    network = seeded()
    picture = torch.from_numpy(uniform(100, (1, 3, SIDE, SIDE), 2))
    with torch.no_grad():
        logits = network(picture)
    np.save(f"{OUT}/logits.npy", logits.numpy())
    for naming, tensors in [("torchvision", torchvision_names(network)), ("timm", timm_names(network))]:
        save_file({name: value.numpy() for name, value in tensors.items()}, f"{OUT}/{naming}.safetensors")
    model, weights = keras_network(network)
    save_file({name: np.ascontiguousarray(value) for name, value in weights.items()}, f"{OUT}/keras.safetensors")
    onnx.save(zoo(network), f"{OUT}/zoo.onnx")

    model.set_weights([load_file(f"{OUT}/keras.safetensors")[w.path] for w in model.weights])
    of_keras = keras.ops.convert_to_numpy(model(picture.permute(0, 2, 3, 1)))
    assert np.abs(of_keras - logits.numpy()).max() < 1e-5, of_keras - logits.numpy()
    print(logits.numpy())
