"""Write networks of many families as ONNX files, with autograd's answers, which tests/zoo.rs compares with ours.

usage: python tests/golden/zoo.py [NAME ...]             small networks into tests/golden/zoo, which are committed
       python tests/golden/zoo.py --full DIR [NAME ...]  the full networks, for `make zoo`; those that DIR has already are kept
needs: tests/golden/zoo-requirements.txt

Weights are seeded, never downloaded. A network's folder holds one file for each exporter, `network.json` (the picture's seed,
height, width, and the class), and the answers: the logits, and the gradient of the class's logit with respect to the picture,
by autograd in float64, and by guided backpropagation where rectifiers are the only kinks of the network. The picture is the
hash of its seed, in -2..2 as after preprocessing; of the committed gradients every fifth row and column is kept.

A gradient jumps where a value crosses the kink of a rectifier or where two inputs of a maximum are equal, and in a deep network
with a random picture rounding alone tips some over. So each network is settled at its picture: batch normalization gets the
statistics of seeded noise, and each channel's bias is nudged to where no value lies near a kink. That does not part the inputs
of a maximum; in Keras' networks, filters before max-pools are altered a little until it is so. Then the same autograd must agree
within 2e-5 in float32, and within 3e-4 in float64 with weights that are off by 2e-7, about as much as kernels in float32 differ by;
or the next seed is taken.
"""
import argparse
import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from hashed import uniform

SMALL = Path("tests/golden/zoo")
AGREEMENT = 2e-5
# How far weights are put off, how often, and what that may change.
OFF, DRAWS, CHANGE = 2e-7, 12, 3e-4
SEEDS = 120
# A network between the process that settled it and those that export it.
PICKLED = "network.pickle"


def picture(seed, height, width):
    """What the network sees, [1, 3, height, width]."""
    return uniform(seed, (1, 3, height, width), 2.0)


def relative_error(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def settled(network, seed):
    """The answers at the picture of this seed, if rounding does not decide there."""
    network.prepare(seed, picture(seed, *network.size))
    answers = network.answers("float64")

    def errors(others):
        return {name: relative_error(others[name], answers[name]) for name in answers}

    rounded = errors(network.answers("float32"))
    print(f"{network.name}: seed {seed}, float32 against float64:", shown(rounded), flush=True)
    if max(rounded.values()) > AGREEMENT:
        return None
    worst = dict.fromkeys(answers, 0.0)
    for draw in range(DRAWS):
        change = errors(network.answers("float64", off=OFF, draw=draw))
        worst = {name: max(worst[name], change[name]) for name in answers}
        if max(change.values()) >= CHANGE:
            break
    print(f"{network.name}: seed {seed}, weights off by {OFF}:", shown(worst), flush=True)
    return answers if max(worst.values()) < CHANGE else None


def shown(errors):
    return {name: f"{error:.1e}" for name, error in errors.items()}


def write(module, name, seed, folder):
    """Writes the answers for this seed and the network, pickled; what to export, nothing where rounding decides."""
    network = next(network for network in networks(module, folder) if network.name == name)
    answers = settled(network, seed)
    if not answers:
        return []
    step = 5 if folder == SMALL else 1
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for answer, value in answers.items():
        value = value if answer == "logits" else value[:, ::step, ::step]
        np.save(folder / f"{answer}.npy", value.astype(np.float32))
    about = {"seed": seed, "height": network.size[0], "width": network.size[1], "class": network.target, "step": step}
    (folder / "network.json").write_text(json.dumps(about) + "\n")
    (folder / PICKLED).write_bytes(pickle.dumps(network))
    return [(folder, exporter) for exporter in network.exporters]


def export(folder, exporter):
    with open(folder / PICKLED, "rb") as file:
        network = pickle.load(file)
    network.export(exporter, folder / f"{exporter}.onnx")


def networks(module, folder):
    module = __import__(module)
    return module.small() if folder == SMALL else module.full()


def names(module, folder):
    return [network.name for network in networks(module, folder)]


def is_done(network):
    """Whether a network's folder has all that it should, by a run that was cut off afterwards."""
    return (network / "network.json").exists() and not (network / PICKLED).exists()


def apart(function, *arguments):
    """What the function returns in a process of its own, with which the memory ends that TensorFlow and PyTorch would keep."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", type=Path, default=SMALL, dest="folder")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    # TensorFlow and PyTorch are slow to load: only the one that is needed.
    for module in ("zoo_torch", "zoo_keras"):
        wanted = [name for name in options.names if name.startswith("keras") == (module == "zoo_keras")]
        if options.names and not wanted:
            continue
        for name in apart(names, module, options.folder):
            kept = options.folder != SMALL and is_done(options.folder / name)
            if kept or wanted and name not in wanted:
                continue
            attempts = (apart(write, module, name, seed, options.folder) for seed in range(SEEDS))
            exports = next(filter(None, attempts), ())
            if not exports:
                raise SystemExit(f"{name}: rounding decides at every seed")
            for folder, exporter in exports:
                apart(export, folder, exporter)
            (options.folder / name / PICKLED).unlink()


if __name__ == "__main__":
    main()
