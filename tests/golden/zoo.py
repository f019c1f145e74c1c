"""Write networks of many families as ONNX files, with autograd's answers, which tests/zoo.rs compares with ours.

usage: python tests/golden/zoo.py [NAME ...]             small networks into tests/golden/zoo, which are committed
       python tests/golden/zoo.py --full DIR [NAME ...]  the full networks, for `make zoo`
needs: tests/golden/zoo-requirements.txt

Weights are seeded, never downloaded. A network's folder holds one file for each exporter, `network.json` (the picture's seed,
height, width, and the class), and the answers: the logits, and the gradient of the class's logit with respect to the picture,
by autograd in float64, and by guided backpropagation where rectifiers are the only kinks of the network. The picture is the
hash of its seed, in -2..2 as after preprocessing; of the committed gradients every fifth row and column is kept.

A gradient jumps where a value crosses the kink of a rectifier or where two inputs of a maximum are equal, and in a deep network
with a random picture rounding alone tips some over. So each network is settled at its picture: batch normalization gets the
statistics of seeded noise, and each channel's bias is nudged to where no value lies near a kink. That does not part the inputs
of a maximum. So the same autograd must agree within 2e-5 in float32, and within 3e-4 in float64 with weights that are off by
2e-7, about as much as kernels in float32 differ by; or the next seed is taken.
"""
import argparse
import json
from pathlib import Path

import numpy as np

from hashed import uniform

SMALL = Path("tests/golden/zoo")
AGREEMENT = 2e-5
# How far weights are put off, how often, and what that may change.
OFF, DRAWS, CHANGE = 2e-7, 4, 3e-4


def picture(seed, height, width):
    """What the network sees, [1, 3, height, width]."""
    return uniform(seed, (1, 3, height, width), 2.0)


def relative_error(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def settled(network):
    """The first seed at whose picture rounding does not decide, and the answers there."""
    for seed in range(40):
        network.prepare(seed, picture(seed, *network.size))
        answers = network.answers("float64")

        def errors(others):
            return {name: relative_error(others[name], answers[name]) for name in answers}

        rounded = errors(network.answers("float32"))
        print(f"{network.name}: seed {seed}, float32 against float64:", shown(rounded), flush=True)
        if max(rounded.values()) > AGREEMENT:
            continue
        changes = [errors(network.answers("float64", off=OFF, draw=draw)) for draw in range(DRAWS)]
        worst = {name: max(change[name] for change in changes) for name in answers}
        print(f"{network.name}: seed {seed}, weights off by {OFF}:", shown(worst), flush=True)
        if max(worst.values()) < CHANGE:
            return seed, answers
    raise SystemExit(f"{network.name}: rounding decides at every seed")


def shown(errors):
    return {name: f"{error:.1e}" for name, error in errors.items()}


def write(network, folder, step):
    seed, answers = settled(network)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, value in answers.items():
        value = value if name == "logits" else value[:, ::step, ::step]
        np.save(folder / f"{name}.npy", value.astype(np.float32))
    about = {"seed": seed, "height": network.size[0], "width": network.size[1], "class": network.target, "step": step}
    (folder / "network.json").write_text(json.dumps(about) + "\n")
    for exporter in network.exporters:
        network.export(exporter, folder / f"{exporter}.onnx")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", type=Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    # TensorFlow and PyTorch are slow to load: only the one that is needed.
    for module in ("zoo_torch", "zoo_keras"):
        prefixed = [name for name in options.names if name.startswith("keras") == (module == "zoo_keras")]
        if options.names and not prefixed:
            continue
        networks = getattr(__import__(module), "full" if options.full else "small")()
        for network in networks:
            if not options.names or network.name in options.names:
                write(network, (options.full or SMALL) / network.name, 1 if options.full else 5)


if __name__ == "__main__":
    main()
