"""Calls at a given rate by oha, and what came of them."""
import contextlib
import http.client
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field

MODEL = "/v1/models/vgg16-caltech101"

# More connections than the service lets wait, so that the rate is held while they do.
CONNECTIONS = 256

# Seconds from one probe to the next.
PROBE_EVERY = 0.1


@contextlib.contextmanager
def on_cores(cores):
    """This process's threads begun meanwhile, and its child processes, run on `cores` alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass
class Outcome:
    """What came of calls."""
    seconds: float
    answered: dict  # how many answers there were of each status
    lost: dict  # how many calls had no answer, for each reason
    accepted: dict = field(repr=False)  # quantiles of the seconds that answers of 200 took
    refused: dict = field(repr=False)  # of the others

    @property
    def rate(self):
        """Answers of 200 a second."""
        return self.answered.get(200, 0) / self.seconds

    @property
    def offered(self):
        """Calls a second."""
        return (sum(self.answered.values()) + sum(self.lost.values())) / self.seconds


def load(generator, address, path, picture, seconds, clients, rate=None):
    """Calls `path` with the picture's file for some seconds, by `clients` one call after the other, or `rate` times a second whatever
    comes back, and waits for the last answers. A call's time then counts from when it was due."""
    command = [generator, "--no-tui", "--output-format", "json", "--stats-success-breakdown", "--disable-compression"]
    command += ["-m", "POST", "-T", "image/jpeg", "-D", picture, "-z", f"{seconds}s", "-w", "-t", "60s", "-c", str(clients)]
    if rate:
        command += ["-q", str(round(rate)), "--latency-correction"]
    out = subprocess.run([*command, f"http://{address}{MODEL}{path}"], check=True, capture_output=True).stdout
    found = json.loads(out)
    return Outcome(
        seconds=found["summary"]["total"],
        answered={int(status): count for status, count in found["statusCodeDistribution"].items()},
        lost=found["errorDistribution"],
        accepted=found["latencyPercentilesSuccessful"],
        refused=found["latencyPercentilesNotSuccessful"],
    )


class Probe(threading.Thread):
    """Asks for the service's health, and calls as clients do, while it is under load."""

    def __init__(self, address, path, jpeg):
        super().__init__()
        self.address, self.path, self.jpeg = address, MODEL + path, jpeg
        self.over = threading.Event()
        self.health, self.faults = [], []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        health, call = (http.client.HTTPConnection(self.address, timeout=60) for _ in range(2))
        while not self.over.wait(PROBE_EVERY):
            start = time.perf_counter()
            status, _ = ask(health, "GET", "/healthz")
            self.health.append(time.perf_counter() - start)
            if status != 200:
                self.faults.append(f"/healthz answered {status}")
            status, headers = ask(call, "POST", self.path, self.jpeg)
            if status == 503 and not int(headers.get("retry-after", 0)):
                self.faults.append("503 without Retry-After")
            if status not in (200, 503):
                self.faults.append(f"the probe got {status}")


def ask(connection, method, path, body=None):
    connection.request(method, path, body, {"content-type": "image/jpeg"} if body else {})
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers
