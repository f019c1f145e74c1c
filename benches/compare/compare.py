"""Time Glassbox over HTTP against PyTorch, Captum and pytorch-grad-cam in this process, and write benches/RESULTS.md.

usage: make compare      (builds Glassbox and a seeded full-size VGG16, makes a virtual environment; about twenty minutes)

All have the same weights, picture and cores, and take their turns in every round, so that a slow minute of the machine slows all.
Glassbox gets a JPEG of 640x480 and answers in JSON, all of which counts; the others get the finished tensor.
"""
import argparse
import io
import os
import platform
import statistics
import sys
import time
from datetime import date
from pathlib import Path

import captum
import numpy as np
import onnxruntime
import torch
from PIL import Image

import ascents
import growth
import photo
from peers import Peers
from service import Service


# The threads of ONNX Runtime in Python and of PyTorch spin for a while after a call, at the cost of whoever comes next.
SETTLE = 0.1


def in_turn(subjects, rounds):
    """The seconds of each subject's calls, one in each round; a first round warms up."""
    seconds = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, call in subjects.items():
            time.sleep(SETTLE)
            start = time.perf_counter()
            call()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def check(service, peers, seen):
    """Both sides compute the same from the pixels that the peers see, or comparing times says nothing."""
    file = io.BytesIO()
    seen.save(file, "PNG")
    ours = np.array(service.post("vgg16", "explain/grad-cam", file.getvalue())["maps"][0]["data"])
    theirs = peers.captum_grad_cam().detach().numpy()[0, 0]
    error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    assert error < 1e-4, f"Grad-CAM differs by {error:.1e}"
    return error


def row(name, times, bare):
    """Times, and how many bare forwards each is of its own round's: the machine is slower in some rounds than in others."""
    median, ratio = statistics.median(times), statistics.median(np.divide(times, bare))
    low, high = (np.percentile(times, q) for q in (25, 75))
    return f"| {name} | {median * 1e3:.0f} | {low * 1e3:.0f} to {high * 1e3:.0f} | {ratio:.2f} |"


def occlusion_rows(service, full, peers, jpeg):
    """Milliseconds for each position in the faster of two calls: full runs do not depend on the patch, so they are of 64 positions."""
    def faster(call):
        calls = [growth.timed(call) for _ in range(2)]
        return min(seconds for seconds, _ in calls) * 1e3, calls[0][1]

    def answer(server, query):
        milliseconds, found = faster(lambda: server.post("vgg16", f"explain/occlusion?{query}", jpeg))
        return milliseconds / found["positions"], found["positions"]

    in_full, _ = answer(full, "stride=28")
    theirs = faster(lambda: peers.captum_occlusion(28, 28))[0] / 64
    rows = []
    for label, query in (
        ("patch 14, stride 14", "placement=sliding&patch=14&stride=14"),
        ("patch 16, stride 4", "placement=sliding&patch=16&stride=4"),
        ("patch 70, stride 14 (the article's)", "patch=70&stride=14"),
    ):
        ours, positions = answer(service, query)
        rows.append(f"| {label} | {positions} | {ours:.1f} | {in_full:.1f} | {in_full / ours:.1f} | {theirs:.1f} | {theirs / ours:.1f} |")
    return rows


def batched(peers, rounds):
    """Milliseconds for each picture of a bare forward, by how many are in a batch."""
    seconds = in_turn({size: lambda size=size: peers.bare(size) for size in (1, 2, 4, 8)}, rounds)
    return ", ".join(f"{statistics.median(times) * 1e3 / size:.0f} ms in a batch of {size}" for size, times in seconds.items())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--models", default="target/compare/models")
    arguments.add_argument("--binary", default="target/release/glassbox")
    arguments.add_argument("--rounds", type=int, default=25)
    arguments.add_argument("--out", type=Path, default=Path("benches"))
    options = arguments.parse_args()

    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    jpeg = photo.jpeg(photo.photo())
    seen = Image.open(io.BytesIO(jpeg)).resize((224, 224), Image.BILINEAR)
    peers = Peers(f"{options.models}/vgg16/model.onnx", seen)
    three = "explain?technique=saliency&technique=guided-backprop&technique=grad-cam"

    with Service(options.binary, options.models) as service:
        call = lambda path: lambda: service.answer("vgg16", path, jpeg)
        error = check(service, peers, seen)
        subjects = {
            "ONNX Runtime, bare forward": peers.bare,
            "**Glassbox** predict": call("predict"),
            "PyTorch forward": peers.torch_forward,
            "**Glassbox** Grad-CAM": call("explain/grad-cam"),
            "Captum LayerGradCam": peers.captum_grad_cam,
            "pytorch-grad-cam GradCAM": peers.pytorch_grad_cam,
            "**Glassbox** saliency": call("explain/saliency"),
            "Captum Saliency": peers.captum_saliency,
            "**Glassbox** guided backpropagation": call("explain/guided-backprop"),
            "Captum GuidedBackprop": peers.captum_guided,
            "**Glassbox** all three in one call": call(three),
        }
        seconds = in_turn(subjects, options.rounds)
        table = [row(name, times, seconds["ONNX Runtime, bare forward"]) for name, times in seconds.items()]
        batches = batched(peers, options.rounds)
        with Service(options.binary, options.models, occlusion__incremental="false") as full:
            occluded = occlusion_rows(service, full, peers, jpeg)
        grown = [growth.occlusion(service, jpeg), growth.classes(service, jpeg)]
    with Service(options.binary, options.models) as service:
        for path in ("predict", "explain/saliency", "explain/guided-backprop", "explain/grad-cam"):
            growth.at_once(service, "vgg16", path, jpeg, 2)
        resident = service.resident()
    # Alone: while other models are examined at start, their weights are counted too.
    with Service(options.binary, "models", runtime__threads="1", runtime__sessions=str(cores)) as service:
        clients, share = growth.clients(service, jpeg)
        small = service.resident()
    with Service(options.binary, options.models) as service:
        climbed = ascents.rows(service)
    growth.draw(options.out / "growth.svg", *grown, clients)

    rates = dict(clients)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    text = f"""# Results

Written by `make compare` on {date.today()}: {cpu}, {cores} cores; ONNX Runtime {onnxruntime.__version__}, PyTorch {torch.__version__},
Captum {captum.__version__}, Python {platform.python_version()}. Full-size VGG16 (138 million parameters, seeded weights), float32, one picture, {options.rounds} rounds in
turn. Glassbox gets a JPEG of 640x480 over HTTP, on a connection that is kept, and answers in JSON; the others get the finished tensor, in process. "Times
bare forward" is the median of the rounds' own ratios, since the machine is slower in some rounds than in others. From the same pixels our Grad-CAM and Captum's differ by {error:.0e} (relative L2).

| | median ms | middle half | times bare forward |
|---|---:|---:|---:|
{chr(10).join(table)}

**Occlusion**, milliseconds for each position, the faster of two calls. "In full" is `occlusion.incremental = false`, eight positions a run; so is Captum's.

| | positions | Glassbox | in full | faster | Captum | faster |
|---|---:|---:|---:|---:|---:|---:|
{chr(10).join(occluded)}

**Activation maximization**, milliseconds for each iteration: the run of the graph, and all else. A filter's picture is of 128 x 128 pixels.
Each is the median of {ascents.ROUNDS} differences between a long call and a short one, which both compile their graph: for a class of full VGG16 that leaves
an uncertainty of 1 to 2 ms, about what all else takes there.

| | what is maximised | run | beside it | share |
|---|---|---:|---:|---:|
{chr(10).join(climbed)}

**Memory**: {resident:.0f} MiB resident with full VGG16 (553 MB of weights, mapped) and the programs of predict, saliency, guided backpropagation
and Grad-CAM warm, two calls at a time; {small:.0f} MiB after serving the default model to 16 clients.

**Throughput**, default model, Grad-CAM, {cores} sessions of one thread, wrk: {rates[8]:.0f} answers a second to 8 clients and {rates[1]:.0f} to one, medians of rounds: the
former is {share:.0%} of {cores} times the latter, which the cores could give.

**Batches**: a bare forward of full VGG16 takes {batches}, for each picture. What a batch would gain over runs that
share the cores is small, while every answer would wait for the whole batch and the values would take as many times the memory: calls are not batched.

![Growth: occlusion against positions, /explain against classes, throughput against clients](growth.svg)
"""
    (options.out / "RESULTS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
