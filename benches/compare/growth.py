"""How time and memory grow, as plots."""
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "soak"))

import matplotlib
import numpy as np

matplotlib.use("svg")
import matplotlib.pyplot as plt

from load import load

STRIDES = (56, 40, 28, 20, 14, 10, 8)
CLASSES = (1, 2, 4, 8, 16)
CLIENTS = (1, 2, 4, 8, 16)


def timed(call):
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def occlusion(service, jpeg):
    """(positions, seconds, MiB resident) for finer and finer strides."""
    points = []
    for stride in STRIDES:
        seconds, answer = timed(lambda: service.post("vgg16", f"explain/occlusion?placement=sliding&patch=56&stride={stride}", jpeg))
        points.append((answer["positions"], seconds, service.resident()))
    return points


def classes(service, jpeg):
    """(classes, seconds) of saliency, guided backpropagation and Grad-CAM together."""
    points = []
    for count in CLASSES:
        path = "explain?" + "&".join(f"class={index}" for index in range(count))
        service.post("vgg16", path, jpeg)
        points.append((count, min(timed(lambda: service.post("vgg16", path, jpeg))[0] for _ in range(3))))
    return points


def at_once(service, model, path, jpeg, count):
    """Calls twice, `count` at a time, so that each has a session of its own."""
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda _: service.answer(model, path, jpeg), range(2 * count)))


def clients(service, jpeg, rounds=5, seconds=4):
    """(clients, Grad-CAMs of the default model a second), and what share 8 clients get of what the cores could give: as many times what
    one client gets as there are cores. Both are medians of rounds, since the machine is slower in some than in others."""
    rates = {count: [] for count in CLIENTS}
    with tempfile.NamedTemporaryFile(suffix=".jpg") as picture:
        picture.write(jpeg)
        picture.flush()
        for _ in range(rounds):
            for count in CLIENTS:
                outcome = load(service.address, "/explain/grad-cam", picture.name, seconds, count)
                assert not outcome.faults and set(outcome.answers) == {200}, outcome
                rates[count].append(outcome.rate)
    share = np.median(np.divide(rates[8], rates[1])) / len(os.sched_getaffinity(0))
    return [(count, np.median(of_rounds)) for count, of_rounds in rates.items()], share


def draw(path, occlusion, classes, clients):
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.4), layout="constrained")
    plots = (
        ("Occlusion, full VGG16", "positions", "seconds", [(p, s) for p, s, _ in occlusion]),
        ("Occlusion, full VGG16", "positions", "MiB resident", [(p, m) for p, _, m in occlusion]),
        ("POST /explain, full VGG16", "classes", "seconds", classes),
        ("Grad-CAM, default model", "clients", "answers a second", clients),
    )
    for axis, (title, x, y, points) in zip(axes, plots):
        axis.plot(*zip(*points), marker="o", color="#1f5fa8")
        axis.set(title=title, xlabel=x, ylabel=y)
        axis.set_ylim(0, 1.1 * max(value for _, value in points))
        axis.set_xlim(left=0)
        axis.grid(alpha=0.3)
    plt.rcParams["svg.hashsalt"] = "glassbox"
    figure.savefig(Path(path), metadata={"Date": None})
