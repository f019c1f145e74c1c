"""Write PyTorch's values of activation maximization's parts, which src/explain/activation_maximization/tests.rs compares with ours.

usage: python tests/golden/activation_maximization.py      (from the top of the repository; needs torch, numpy)

The picture and the numbers come from formulas that the test computes too.
"""
import numpy as np
import torch

OUT = "tests/golden/activation_maximization"
HEIGHT, WIDTH = 9, 6


def levels():
    """The picture that the unit tests draw: [3, HEIGHT, WIDTH], 0 to 255."""
    channel, row, column = np.ogrid[:3, :HEIGHT, :WIDTH]
    return (channel * 91 + row * row * 17 + column * 29 + row * column * 13) % 256


def wave(count):
    """Numbers that are as good as random: the unit tests make the same."""
    return np.sin(np.arange(count, dtype=np.float64) * 12.9898) * 0.5


def write(name, values):
    np.save(f"{OUT}/{name}.npy", values.detach().numpy().astype(np.float32))


def regularizer(name, loss):
    """The loss of the picture, then its gradient, in one row."""
    picture = torch.tensor(levels(), dtype=torch.float64, requires_grad=True)
    value = loss(picture)
    (gradient,) = torch.autograd.grad(value, picture)
    write(name, torch.cat([value.reshape(1), gradient.flatten()]))


def lp_norm(power):
    return lambda picture: torch.linalg.vector_norm(picture - 127.5, power) / picture.numel()


def total_variation(power):
    def loss(picture):
        across = picture[:, :-1, 1:] - picture[:, :-1, :-1]
        down = picture[:, 1:, :-1] - picture[:, :-1, :-1]
        return ((across**2 + down**2) ** (power / 2)).sum() / picture.numel()

    return loss


def waves(name, height, width):
    """lucid's picture of some coefficients, then the gradient of a weighted sum of its levels, in one row."""
    correlation = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=torch.float64)
    correlation = correlation / correlation.norm(dim=0).max()
    shape = (3, width // 2 + 1, height, 2)
    coefficients = torch.tensor(wave(np.prod(shape)).reshape(shape), requires_grad=True)
    frequencies = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    scale = (height * width) ** 0.5 / frequencies.clamp(min=1 / max(height, width))
    spectrum = torch.view_as_complex(coefficients).transpose(1, 2) * scale
    image = torch.fft.irfft2(spectrum, s=(height, width)) / 4
    picture = 255 * torch.sigmoid(torch.einsum("rc,chw->rhw", correlation, image))
    weights = torch.tensor(wave(picture.numel())).reshape(picture.shape)
    (gradient,) = torch.autograd.grad((picture * weights).sum(), coefficients)
    write(name, torch.cat([picture.flatten(), gradient.flatten()]))


def adam():
    """Ten numbers after twenty steps uphill."""
    numbers = torch.tensor(wave(10), requires_grad=True)
    optimizer = torch.optim.Adam([numbers], lr=0.05, maximize=True)
    for step in range(20):
        numbers.grad = torch.tensor(wave(10 * (step + 1))[-10:])
        optimizer.step()
    write("adam", numbers)


def rms_prop():
    """The same by keras-vis' RMSprop, whose epsilon is in the root, on gradients of length 1."""
    numbers, square = torch.tensor(wave(10)), torch.zeros(10)
    for step in range(20):
        gradient = torch.tensor(wave(10 * (step + 1))[-10:])
        gradient = gradient / gradient.norm()
        square = 0.95 * square + 0.05 * gradient**2
        numbers = numbers + gradient / torch.sqrt(square + 1e-7)
    write("rms_prop", numbers)


def turned():
    """The picture enlarged by 1.1, turned clockwise by 25 degrees about its middle, then shifted 2 down and 1 left; its edges touch."""
    middle = torch.tensor([(HEIGHT - 1) / 2, (WIDTH - 1) / 2], dtype=torch.float64)
    places = torch.stack(torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij"), -1) - torch.tensor([2.0, -1.0])
    angle = torch.deg2rad(torch.tensor(25.0, dtype=torch.float64))
    back = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]], dtype=torch.float64) / 1.1
    places = (places - middle) @ back.T + middle
    # A picture that repeats around itself leaves no place outside.
    tiled = torch.tensor(levels(), dtype=torch.float64).tile(1, 5, 5)
    size = torch.tensor([tiled.shape[1] - 1, tiled.shape[2] - 1])
    grid = (places + torch.tensor([2 * HEIGHT, 2 * WIDTH])) / size * 2 - 1
    sampled = torch.nn.functional.grid_sample(tiled[None], grid.flip(-1)[None], align_corners=True)
    write("turned", sampled.flatten())


if __name__ == "__main__":
    for power in (1, 6):
        regularizer(f"lp_norm_{power}", lp_norm(power))
    for power in (1.5, 2):
        regularizer(f"total_variation_{power}", total_variation(power))
    waves("waves_even", 8, 10)
    waves("waves_odd", 9, 7)
    adam()
    rms_prop()
    turned()
