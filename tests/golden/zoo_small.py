"""Small networks of torchvision's families, by its own constructors where these can be narrowed."""
from functools import partial

from torch import nn
from torchvision.models import inception
from torchvision.models.alexnet import AlexNet
from torchvision.models.convnext import CNBlock, CNBlockConfig, ConvNeXt
from torchvision.models.densenet import DenseNet
from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig
from torchvision.models.googlenet import BasicConv2d, GoogLeNet, Inception, InceptionAux
from torchvision.models.mnasnet import MNASNet, _stack
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
from torchvision.models.regnet import BlockParams, RegNet
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.shufflenetv2 import ShuffleNetV2
from torchvision.models.squeezenet import Fire, SqueezeNet
from torchvision.models.vgg import VGG, cfgs, make_layers
from torchvision.ops.misc import Conv2dNormActivation

CLASSES = 5


def small_alexnet():
    model = AlexNet.__new__(AlexNet)
    nn.Module.__init__(model)
    conv, pool, relu = nn.Conv2d, partial(nn.MaxPool2d, kernel_size=3, stride=2), partial(nn.ReLU, inplace=True)
    model.features = nn.Sequential(
        conv(3, 4, kernel_size=11, stride=4, padding=2), relu(), pool(), conv(4, 6, kernel_size=5, padding=2), relu(), pool(),
        conv(6, 8, kernel_size=3, padding=1), relu(), conv(8, 6, kernel_size=3, padding=1), relu(),
        conv(6, 6, kernel_size=3, padding=1), relu(), pool(),
    )  # fmt: skip
    model.avgpool = nn.AdaptiveAvgPool2d(2)
    model.classifier = small_classifier(6 * 2 * 2)
    return model


def small_classifier(features):
    return nn.Sequential(
        nn.Linear(features, 8), nn.ReLU(True), nn.Dropout(), nn.Linear(8, 8), nn.ReLU(True), nn.Dropout(), nn.Linear(8, CLASSES)
    )


def small_vgg(configuration, batch_norm):
    model = VGG.__new__(VGG)
    nn.Module.__init__(model)
    widths = {64: 3, 128: 4, 256: 4, 512: 5}
    layers = [widths.get(width, width) for width in cfgs[configuration]]
    model.features = make_layers(layers, batch_norm=batch_norm)
    model.avgpool = nn.AdaptiveAvgPool2d(2)
    model.classifier = small_classifier(5 * 2 * 2)
    return model


def small_resnet(block, blocks, **options):
    model = ResNet(block, [0, 0, 0, 0], num_classes=CLASSES, **options)
    model.inplanes = 4
    model.conv1 = nn.Conv2d(3, 4, kernel_size=7, stride=2, padding=3, bias=False)
    model.bn1 = nn.BatchNorm2d(4)
    for index, (count, width) in enumerate(zip(blocks, (4, 4, 6, 8)), 1):
        setattr(model, f"layer{index}", model._make_layer(block, width, count, stride=min(index, 2)))
    model.fc = nn.Linear(8 * block.expansion, CLASSES)
    return model


def small_densenet():
    return DenseNet(4, (2, 2), num_init_features=8, bn_size=2, num_classes=CLASSES)


def small_squeezenet():
    model = SqueezeNet("1_1", CLASSES)
    fire, pool = Fire, partial(nn.MaxPool2d, kernel_size=3, stride=2, ceil_mode=True)
    model.features = nn.Sequential(
        nn.Conv2d(3, 6, kernel_size=3, stride=2), nn.ReLU(True), pool(), fire(6, 3, 4, 4), fire(8, 3, 4, 4), pool(), fire(8, 4, 6, 6)
    )
    model.classifier[1] = nn.Conv2d(12, CLASSES, kernel_size=1)
    return model


def narrow(block, factor):
    """`block` with channels divided by `factor`, for the constructors that take the blocks to build from."""

    def make(channels, filters, **options):
        return block(channels if channels == 3 else max(1, channels // factor), max(1, filters // factor), **options)

    return make


def small_googlenet():
    conv = narrow(BasicConv2d, 32)
    blocks = [conv, partial(Inception, conv_block=conv), InceptionAux]
    model = GoogLeNet(CLASSES, aux_logits=False, transform_input=True, init_weights=True, blocks=blocks)
    channels = 192 // 32
    for name, widths in (("3a", (2, 3, 4, 1, 2, 2)), ("3b", (3, 3, 4, 2, 3, 2)), ("4a", (3, 4, 4, 2, 3, 2)), ("5b", (4, 4, 4, 2, 4, 4))):
        setattr(model, f"inception{name}", Inception(channels, *widths))
        channels = widths[0] + widths[2] + widths[4] + widths[5]
    for name in ("4b", "4c", "4d", "4e", "5a"):
        setattr(model, f"inception{name}", nn.Identity())
    model.fc = nn.Linear(channels, CLASSES)
    return spread(model)


class AuxiliaryInception(inception.Inception3):
    """Inception v3 that gives its auxiliary logits too, as a second output, as when it trains."""

    def train(self, mode=True):
        super().train(mode)
        self.training = True
        return self


class SmallAuxiliary(nn.Module):
    """Inception's auxiliary classifier, for feature maps of any size."""

    def __init__(self, channels, classes):
        super().__init__()
        self.conv0 = inception.BasicConv2d(channels // 32, 4, kernel_size=1)
        self.fc = nn.Linear(4, classes)

    def forward(self, x):
        return self.fc(self.conv0(x).mean((2, 3)))


def small_inception_v3():
    conv = narrow(inception.BasicConv2d, 32)
    blocks = [getattr(inception, f"Inception{letter}") for letter in "ABCDE"]
    blocks = [conv, *(partial(block, conv_block=conv) for block in blocks), SmallAuxiliary]
    model = AuxiliaryInception(CLASSES, transform_input=True, inception_blocks=blocks, init_weights=True)
    for name in ("Mixed_5d", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7c"):
        setattr(model, name, nn.Identity())
    model.fc = nn.Linear(2048 // 32, CLASSES)
    return spread(model)


def spread(model):
    """Weights that keep a signal's size; theirs are for wider networks."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return model


def small_mobilenet_v2():
    model = MobileNetV2(CLASSES, 0.1, inverted_residual_setting=[[1, 8, 1, 1], [6, 8, 2, 2]])
    model.features[-1] = Conv2dNormActivation(8, 12, kernel_size=1, activation_layer=nn.ReLU6)
    model.classifier[1] = nn.Linear(12, CLASSES)
    return model


def small_mobilenet_v3():
    setting = partial(InvertedResidualConfig, dilation=1, width_mult=1.0)
    settings = [setting(8, 3, 8, 8, True, "RE", 2), setting(8, 3, 16, 8, False, "RE", 1), setting(8, 5, 16, 8, True, "HS", 2)]
    model = MobileNetV3(settings, 16, CLASSES)
    model.features[0] = Conv2dNormActivation(3, 8, kernel_size=3, stride=2, activation_layer=nn.Hardswish)
    return model


def small_shufflenet_v2():
    return ShuffleNetV2([2, 2, 1], [4, 8, 12, 16, 16], CLASSES)


def small_efficientnet():
    setting, fused = MBConvConfig, FusedMBConvConfig
    settings = [fused(1, 3, 1, 8, 8, 1), fused(2, 3, 2, 8, 8, 1), setting(2, 3, 2, 8, 8, 1), setting(2, 5, 1, 8, 8, 1)]
    return EfficientNet(settings, dropout=0.2, num_classes=CLASSES, last_channel=16)


def small_mnasnet():
    model = MNASNet(0.1, CLASSES)
    model.layers = nn.Sequential(
        *model.layers[:8], _stack(8, 8, 3, 2, 3, 2, 0.1), nn.Conv2d(8, 12, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(True)
    )
    model.classifier[1] = nn.Linear(12, CLASSES)
    return model


def small_regnet(se_ratio):
    parameters = BlockParams([1, 1, 2, 1], [4, 8, 8, 12], [4, 4, 4, 4], [1.0] * 4, [2] * 4, se_ratio)
    return RegNet(parameters, CLASSES, stem_width=4)


def small_convnext():
    model = ConvNeXt([CNBlockConfig(8, 12, 1), CNBlockConfig(12, None, 2)], num_classes=CLASSES)
    for block in model.modules():
        if isinstance(block, CNBlock):
            # A fresh network's blocks contribute next to nothing.
            nn.init.constant_(block.layer_scale, 0.5)
    return model


LEGACY, DYNAMO, BOTH = ("legacy",), ("dynamo",), ("legacy", "dynamo")

# Name, constructor, height and width, exporters: both where the graphs differ. ResNeXt and RegNet X are ResNet and RegNet Y
# with other numbers.
NETWORKS = (
    ("alexnet", small_alexnet, 95, LEGACY),
    ("vgg11_bn", partial(small_vgg, "A", True), 64, DYNAMO),
    ("vgg16", partial(small_vgg, "D", False), 64, (*BOTH, "model_zoo")),
    ("resnet18", partial(small_resnet, BasicBlock, (1, 1, 1, 2)), 64, (*BOTH, "model_zoo")),
    ("resnet50", partial(small_resnet, Bottleneck, (1, 1, 1, 1)), 64, LEGACY),
    ("densenet", small_densenet, 64, BOTH),
    ("squeezenet", small_squeezenet, 63, BOTH),
    ("googlenet", small_googlenet, 64, DYNAMO),
    ("inception_v3", small_inception_v3, 107, LEGACY),
    ("mobilenet_v2", small_mobilenet_v2, 32, LEGACY),
    ("mobilenet_v3", small_mobilenet_v3, 32, BOTH),
    ("shufflenet_v2", small_shufflenet_v2, 64, BOTH),
    ("efficientnet", small_efficientnet, 32, DYNAMO),
    ("mnasnet", small_mnasnet, 32, DYNAMO),
    ("regnet_y", partial(small_regnet, 0.25), 64, LEGACY),
    ("convnext", small_convnext, 32, BOTH),
)
