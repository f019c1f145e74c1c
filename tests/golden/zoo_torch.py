"""Torchvision's networks for zoo.py: settled, differentiated by autograd, and exported by both of PyTorch's exporters."""
import copy
import functools
import warnings

import onnx
import torch
import torch.nn.functional as F
import torchvision
from torch.overrides import TorchFunctionMode
from torchvision.models.efficientnet import FusedMBConv, MBConv

import zoo_small

# Where the slope of a function jumps.
KINKS = {F.relu: (0.0,), F.hardtanh: (0.0, 6.0), F.hardswish: (-3.0, 3.0), F.hardsigmoid: (-3.0, 3.0)}
RECTIFIERS = (F.relu, F.hardtanh)
# How far a bias may be nudged, in standard deviations of the channel's values.
NUDGE = 0.1

FULL = (
    "alexnet", "vgg16", "vgg11_bn", "resnet18", "resnet50", "resnext50_32x4d", "densenet121", "squeezenet1_1", "googlenet",
    "inception_v3", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
    "efficientnet_b0", "efficientnet_v2_s", "mnasnet0_5", "regnet_y_400mf", "regnet_x_400mf", "convnext_tiny",
)  # fmt: skip


class Network:
    """A network to settle, differentiate and export."""

    def __init__(self, name, make, size, exporters=("legacy", "dynamo"), batch=None):
        self.name, self.make, self.size, self.exporters = name, make, (size, size), exporters
        # The symbol of the batch; a fixed batch of 1 without.
        self.batch = batch

    def prepare(self, seed, picture):
        torch.manual_seed(seed)
        self.picture = torch.from_numpy(picture)
        self.model = settle(self.make(), self.picture, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            self.target = int(logits_of(self.model(self.picture)).argmax())

    def answers(self, precision, off=0.0, draw=0):
        """The logits and gradients, with weights that are off by about so much."""
        model = copy.deepcopy(self.model).to(getattr(torch, precision))
        generator = torch.Generator().manual_seed(draw)
        for parameter in model.parameters() if off else ():
            parameter.data *= 1 + off * torch.randn(parameter.shape, generator=generator)
        used = Used()

        def gradient(mode):
            picture = self.picture.to(getattr(torch, precision), copy=True).requires_grad_()
            with mode:
                logits = logits_of(model(picture))
            (at_picture,) = torch.autograd.grad(logits[0, self.target], picture)
            return logits[0].detach().numpy(), at_picture[0].numpy()

        logits, plain = gradient(used)
        answers = {"logits": logits, "gradient": plain}
        if used.functions and used.functions <= set(RECTIFIERS):
            answers["guided"] = gradient(Guided())[1]
        return answers

    def export(self, exporter, path):
        EXPORTERS[exporter](self, path)


def logits_of(output):
    """The main logits of a network that may have others, such as Inception's auxiliary ones."""
    return output if isinstance(output, torch.Tensor) else output[0]


# ---- settling ----


def settle(model, picture, generator):
    for parameter in model.parameters():
        # Biases of 0 and scales of 1 would hide their mistakes.
        if parameter.ndim == 1 or parameter.shape[1:].numel() == 1:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    estimate_statistics(model, picture.shape, generator)
    double = copy.deepcopy(model).double()
    with torch.no_grad(), Nudge(double):
        double(picture.double())
    settled = double.state_dict()
    for name, value in model.state_dict().items():
        value.copy_(settled[name])
    return model


def estimate_statistics(model, shape, generator):
    """Gives each batch normalization the mean and variance of what it gets for noise of several scales."""
    model.eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
            module.reset_running_stats()
            module.momentum = None
    size = shape[2:]
    noise = torch.zeros(8, 3, *size)
    for scale in (1, 4, 16):
        coarse = torch.rand(8, 3, *(max(1, length // scale) for length in size), generator=generator) * 2 - 1
        noise += F.interpolate(coarse, size, mode="nearest")
    with torch.no_grad():
        model(noise)
    model.eval()


class Nudge(TorchFunctionMode):
    """Shifts the biases during a forward pass so that no value lies near a kink."""

    def __init__(self, model):
        super().__init__()
        self.last = None
        for module in model.modules():
            if getattr(module, "bias", None) is not None:
                module.register_forward_hook(self.passed)

    def passed(self, module, *_):
        self.last = module

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kinks = KINKS.get(func)
        if not kinks:
            return func(*args, **(kwargs or {}))
        x, bias = args[0], self.last.bias
        assert bias.numel() == x.shape[1]
        shift = widest_gap(x.transpose(0, 1).flatten(1), kinks).float().double()
        # The bias is kept in float32.
        shift = (bias + shift).float().double() - bias
        bias += shift
        return func(x + shift.reshape(-1, *[1] * (x.ndim - 2)), *args[1:], **(kwargs or {}))


def widest_gap(values, kinks):
    """For each row of `values` [C, M] the shift that takes its values farthest from all kinks."""
    values = values.sort().values
    reach = NUDGE * values.std(1, keepdim=True).nan_to_num(1.0).clamp(min=1e-2)
    shifts = reach * torch.linspace(-1, 1, 513, dtype=values.dtype)
    margin = torch.full_like(shifts, torch.inf)
    for kink in kinks:
        wanted = (kink - shifts).contiguous()
        after = torch.searchsorted(values, wanted)
        for neighbour in (after - 1, after):
            nearest = values.gather(1, neighbour.clamp(0, values.shape[1] - 1))
            margin = margin.minimum((nearest - wanted).abs())
    return shifts.gather(1, margin.argmax(1, keepdim=True))[:, 0]


# ---- differentiating ----


class Used(TorchFunctionMode):
    """Takes down which functions with kinks, and which smooth activations, a forward pass uses."""

    ACTIVATIONS = {*KINKS, F.silu, F.gelu, torch.sigmoid, torch.Tensor.sigmoid, F.layer_norm}

    def __init__(self):
        super().__init__()
        self.functions = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in self.ACTIVATIONS:
            self.functions.add(func)
        return func(*args, **(kwargs or {}))


class Guided(TorchFunctionMode):
    """Puts rectifiers with the rule of guided backpropagation in the place of ReLU and ReLU6."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in RECTIFIERS:
            return GuidedRectifier.apply(args[0], torch.inf if func is F.relu else 6.0)
        return func(*args, **(kwargs or {}))


class GuidedRectifier(torch.autograd.Function):
    """Forward `min(max(x, 0), high)`, backward `dy [dy > 0] [0 < x < high]`."""

    @staticmethod
    def forward(ctx, x, high):
        ctx.save_for_backward((x > 0) & (x < high))
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx, dy):
        return dy.clamp(min=0) * ctx.saved_tensors[0], None


# ---- exporting ----


def legacy(network, path, **options):
    axes = {"input": {0: network.batch}} if network.batch else None
    export(network, path, dynamo=False, input_names=["input"], dynamic_axes=axes, **options)


def dynamo(network, path):
    shapes = ({0: torch.export.Dim(network.batch)},) if network.batch else None
    export(network, path, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False)
    model = onnx.load(path)
    # Most of a small file, and full of the paths of the machine that exported it.
    del model.graph.value_info[:], model.graph.metadata_props[:]
    for node in model.graph.node:
        for entry in [entry for entry in node.metadata_props if not entry.key.endswith("name_scopes")]:
            node.metadata_props.remove(entry)
    onnx.save(model, path)


def model_zoo(network, path):
    """As in the ONNX model zoo's early days: operator set 7 or 8, weights among the inputs, dropout and batch normalization left in."""
    legacy(
        network,
        path,
        opset_version=8,
        keep_initializers_as_inputs=True,
        do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )


def export(network, path, **options):
    # The exporters switch a network between training and use, and not always back.
    model, picture = copy.deepcopy(network.model), network.picture
    # A network with one picture would be taken to have a batch of 1 for ever.
    picture = picture.repeat(2, 1, 1, 1) if network.batch else picture
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (picture,), str(path), **options)


EXPORTERS = {"legacy": legacy, "dynamo": dynamo, "model_zoo": model_zoo}


# ---- the networks ----


def small():
    for name, make, size, exporters in zoo_small.NETWORKS:
        yield Network(name, make, size, exporters, batch="batch")


def damped(model):
    """EfficientNet's residual branches add little, as trained ones do; fresh ones multiply rounding by a million in 40 blocks."""
    for block in model.modules():
        if isinstance(block, MBConv | FusedMBConv) and block.use_res_connect:
            block.block[-1][1].weight.data *= 0.2
    return model


def make_full(name, options):
    return damped(getattr(torchvision.models, name)(**options))


def full():
    for name in FULL:
        # As torchvision builds them for its trained weights.
        options = {"googlenet": {"aux_logits": False, "transform_input": True}, "inception_v3": {"transform_input": True}}
        options = {**options.get(name, {}), **({"init_weights": True} if name in options else {})}
        yield Network(name, functools.partial(make_full, name, options), 299 if name == "inception_v3" else 224)
    yield Network("inception_v3_aux", functools.partial(zoo_small.AuxiliaryInception, init_weights=True), 299)
