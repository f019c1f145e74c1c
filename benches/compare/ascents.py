"""What activation maximization takes beside the runs of its graph: regularizers, jitter, the optimizer."""
import re
import statistics
import time

# Model, what is maximised, options, and how many iterations are measured.
ASCENTS = (
    ("vgg16", "a class", "class=3", 24),
    ("vgg16", "a class, lucid", "class=3&recipe=lucid", 24),
    ("vgg16", "a filter of block1_conv1", "layer=block1_conv1&filter=3", 400),
    ("vgg16", "a filter of block1_conv2", "layer=block1_conv2&filter=3", 100),
    ("vgg16", "a filter of block3_conv3", "layer=block3_conv3&filter=3", 48),
    ("vgg16-caltech101", "a class", "class=stop_sign", 96),
    ("vgg16-caltech101", "a class, lucid", "class=stop_sign&recipe=lucid", 96),
    ("vgg16-caltech101", "a filter of block1_conv1", "layer=block1_conv1&filter=3", 800),
    ("vgg16-caltech101", "a filter of block3_conv3", "layer=block3_conv3&filter=3", 200),
    ("vgg16-caltech101", "a filter of block5_conv3", "layer=block5_conv3&filter=3", 200),
)
ROUNDS = 5


def in_runs(service):
    """Seconds that the service has spent in runs of graphs."""
    metrics = service.http.request("GET", f"http://{service.address}/metrics").data.decode()
    return sum(float(seconds) for seconds in re.findall(r"^glassbox_run_seconds_sum\{[^}]*\} (\S+)$", metrics, re.MULTILINE))


def timed(service, model, options, iterations):
    """(in runs, beside them), in seconds."""
    before, start = in_runs(service), time.perf_counter()
    service.answer(model, f"activation-maximization?{options}&iterations={iterations}", b"")
    seconds = time.perf_counter() - start
    runs = in_runs(service) - before
    return runs, seconds - runs


def split(service, model, options, iterations):
    """The medians of (in runs, beside them) for one iteration, in milliseconds: what a long call takes more than a short one."""
    timed(service, model, options, 4)
    rounds = [(timed(service, model, options, 4), timed(service, model, options, 4 + iterations)) for _ in range(ROUNDS)]
    return [statistics.median(long[part] - short[part] for short, long in rounds) / iterations * 1e3 for part in (0, 1)]


def rows(service):
    """The rows of the table."""
    lines = []
    for model, what, options, iterations in ASCENTS:
        runs, beside = split(service, model, options, iterations)
        name = "full VGG16" if model == "vgg16" else "default model"
        share = f"{100 * beside / (runs + beside):.1f} %" if beside > 0 else "too little to measure"
        lines.append(f"| {name} | {what} | {runs:.2f} | {beside:.2f} | {share} |")
    return lines
