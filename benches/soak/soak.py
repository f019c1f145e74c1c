"""Put Glassbox under load, watch its memory, and write benches/SOAK.md; exits with 1 if something does not hold.

usage: make soak      (a quarter of an hour, of which SECONDS=600 are the memory's; installs wrk where it is not there)

The load comes from the same machine, so half of the cores are the service's and the other half those of whoever calls.
"""
import argparse
import os
import platform
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "compare"))

import numpy as np

import leaving
import memory
import photo
from load import CONNECTIONS, PROBE_EVERY, on_cores
from service import Service
from trial import DEADLINE, LASTS, TABLE, Trial
from verdicts import Verdicts

# The part of memory that may be gained from the first minute after the warm-up to the last.
GAIN = 0.05


def machine():
    """What it was measured with."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    return f"{date.today()}: {cpu}, {os.cpu_count()} cores"


def version(command):
    # wrk says its version and fails.
    return subprocess.run([command, "--version"], capture_output=True, text=True).stdout.splitlines()[0].split(" [")[0]


def under_load(options, jpeg, directory, verdicts):
    """All loads, as a section of the report."""
    picture = directory / "photo.jpg"
    picture.write_bytes(jpeg)
    cores = sorted(os.sched_getaffinity(0))
    ours, theirs = cores[: len(cores) // 2] or cores, cores[len(cores) // 2 :]
    settings = {
        "server__request_timeout": str(DEADLINE),
        "runtime__threads": "1",
        "runtime__sessions": str(len(ours)),
        "jobs__store": "memory",
        "log__level": "info",
    }
    with on_cores(ours):
        service = Service(options.binary, options.models, (directory / "log").open("w"), **settings)
    with on_cores(theirs), service:
        trials = [
            Trial(name, path, service, jpeg, str(picture), verdicts)
            for name, path in (("predict", "/predict"), ("Grad-CAM", "/explain/grad-cam"))
        ]
        for trial in trials:
            trial.loads(len(ours))
            trial.leavers()
        seconds = leaving.interrupted(service.address, jpeg, len(ours))
        verdicts.add(seconds < leaving.PATIENCE, f"occlusion: {seconds * 1e3:.0f} ms after its client has left, the session is free")
    rows = "\n".join(row for trial in trials for row in trial.rows)
    return f"""## Under load

{machine()}; {version(options.binary)}, {version("wrk")}. {len(ours)} of the cores are the service's ({len(ours)} sessions of one thread), {len(theirs)} those of
whoever calls. The default model, a JPEG of 640x480 ({len(jpeg) // 1000} kB), a deadline of {DEADLINE} s, a queue of 64, {LASTS} s for each load. "2 clients" call one
after the other; "2x" is a rate, twice the most answers a second that these clients had, asked for by {CONNECTIONS} connections, most of which are free at
any time. Beside them a probe asks for `/healthz` {1 / PROBE_EVERY:.0f} times a second.

{TABLE}
{rows}

{chr(10).join(verdicts.lines)}
"""


def over_time(options, jpeg, directory, verdicts):
    """The memory, as a section of the report."""
    settings = {"jobs__store": f"sqlite:{directory}/jobs.db", "jobs__ttl": "60", "server__request_timeout": "60", "log__level": "info"}
    with Service(options.binary, options.models, (directory / "log").open("w"), **settings) as service:
        seen, counts, surprises = memory.soak(service, jpeg, options.seconds)
    warm = seen[seen[:, 0] >= min(memory.WARM_UP, options.seconds / 3)]
    slope = np.polyfit(warm[:, 0] / 60, warm[:, 1], 1)[0]
    first = warm[warm[:, 0] < warm[0, 0] + 60, 1].mean()
    last = warm[warm[:, 0] > warm[-1, 0] - 60, 1].mean()
    verdicts.add(last < (1 + GAIN) * first, f"memory is steady: {first:.0f} MiB in the first minute after the warm-up, {last:.0f} MiB in the last")
    verdicts.add(not surprises, f"every call is answered as it should be ({'; '.join(surprises[:5]) or 'no surprises'})")
    minutes = [seen[(seen[:, 0] >= start) & (seen[:, 0] < start + 60), 1].mean() for start in range(0, options.seconds, 60)]
    counted = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    return f"""## Memory

{machine()}; {version(options.binary)}. {options.seconds} s of {memory.CLIENTS} clients who do everything, good and bad, one after the other: {counted}.

Resident, mean of each minute: {', '.join(f'{minute:.0f}' for minute in minutes)} MiB. After the warm-up it grows by {slope:+.2f} MiB a minute (least squares).

{chr(10).join(verdicts.lines)}
"""


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--models", default="models")
    arguments.add_argument("--binary", default="target/release/glassbox")
    arguments.add_argument("--seconds", type=int, default=600, help="how long the memory is watched")
    arguments.add_argument("--only", choices=["load", "memory"], help="one of the two parts; the other stays as it was")
    arguments.add_argument("--sections", type=Path, default=Path("target/soak"), help="where the parts of the report are kept")
    arguments.add_argument("--out", type=Path, default=Path("benches/SOAK.md"))
    options = arguments.parse_args()

    jpeg, failed = photo.jpeg(photo.photo()), False
    options.sections.mkdir(parents=True, exist_ok=True)
    parts = {"load": under_load, "memory": over_time}
    for name, part in parts.items():
        if options.only in (None, name):
            verdicts = Verdicts()
            with tempfile.TemporaryDirectory() as directory:
                text = part(options, jpeg, Path(directory), verdicts)
            (options.sections / f"{name}.md").write_text(text)
            failed |= verdicts.failed
    sections = [options.sections / f"{name}.md" for name in parts]
    options.out.write_text("# Soak\n\nWritten by `make soak`.\n\n" + "\n".join(section.read_text() for section in sections if section.exists()))
    print(options.out.read_text())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
