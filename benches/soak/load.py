"""Calls at a given rate by wrk, and what came of them."""
import collections
import contextlib
import http.client
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MODEL = "/v1/models/vgg16-caltech101"

# More connections than the service lets wait, so that the rate is held while they do.
CONNECTIONS = 256

# Seconds from one probe to the next.
PROBE_EVERY = 0.05


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
    sent: int  # how many calls there were
    answers: dict  # the seconds that the answers of each status took
    faults: collections.Counter  # how often what should not be was so

    @property
    def rate(self):
        """Answers of 200 a second."""
        return len(self.answers.get(200, [])) / self.seconds

    @property
    def refused(self):
        """Answers of 503 a second."""
        return len(self.answers.get(503, [])) / self.seconds

    @property
    def offered(self):
        """Calls a second."""
        return self.sent / self.seconds

    def quantile(self, status, share):
        """The seconds that this share of the answers of a status took at most; NaN if there are none."""
        return np.quantile(self.answers[status], share) if status in self.answers else np.nan


def load(address, path, picture, seconds, clients, rate=0):
    """Calls `path` with the picture's file for some seconds, by `clients` who call as soon as they are answered, or `rate` times a second
    in all. Answers that are not there yet at the end are not counted."""
    with tempfile.NamedTemporaryFile("r") as log:
        command = ["wrk", f"-t{clients}", f"-c{clients}", f"-d{seconds}", "--timeout", "60", "-s", Path(__file__).with_name("call.lua")]
        command += [f"http://{address}{MODEL}{path}", "--", picture, str(clients), str(rate), log.name]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        calls = [line.split("\t") for line in log.read().splitlines()]
    outcome = Outcome(float(seconds), 0, {}, collections.Counter())
    for line in said:
        match line.split("\t"):
            case ["seconds", number]:
                outcome.seconds = float(number)
            case ["sent", count]:
                outcome.sent = int(count)
            case ["lost", reason, count] if int(count):
                outcome.faults[f"lost ({reason})"] = int(count)
    for status, time, retry_after in calls:
        outcome.answers.setdefault(int(status), []).append(float(time))
        outcome.faults["503 without Retry-After"] += status == "503" and not retry_after
    outcome.faults += collections.Counter()  # drops what did not happen
    return outcome


class Probe(threading.Thread):
    """Asks for the service's health while it is under load."""

    def __init__(self, address):
        super().__init__()
        self.address = address
        self.over = threading.Event()
        self.times, self.failures = [], 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        while not self.over.wait(PROBE_EVERY):
            start = time.perf_counter()
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
            self.times.append(time.perf_counter() - start)
            self.failures += answer.status != 200
