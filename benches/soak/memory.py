"""Memory under a mixture of everything that clients do, good and bad."""
import collections
import http.client
import json
import random
import socket
import threading
import time

import numpy as np

from leaving import request
from load import MODEL

# Clients at once. They wait for one another's runs, as the load is no matter here: what the service keeps of it is.
CLIENTS = 4

# Seconds until all that is kept is kept: every kind of program compiled, the allocator's arenas as large as they get.
WARM_UP = 120

# Seconds from one look at the memory to the next.
EVERY = 10

# Of so many requests, how many are of each kind.
MIXTURE = {
    "predict": 30,
    "grad-cam": 20,
    "saliency": 12,
    "overlay": 8,
    "explain": 6,
    "bad picture": 8,
    "bad options": 4,
    "left": 8,
    "occlusion job": 1,
    "activation-maximization job": 1,
    "cancelled job": 1,
    "metrics": 1,
}

ANSWERS = {"bad picture": 422, "bad options": 422, "occlusion job": 202, "activation-maximization job": 202, "cancelled job": 202}

PATHS = {
    "predict": "/predict",
    "grad-cam": "/explain/grad-cam",
    "saliency": "/explain/saliency",
    "overlay": "/explain/guided-grad-cam?alpha=0.5",
    "explain": "/explain?technique=saliency&technique=guided-backprop&technique=grad-cam&class=1&class=2",
    "bad picture": "/predict",
    "bad options": "/explain/grad-cam?class=no-such-class",
    "left": "/explain/saliency",
    "occlusion job": "/explain/occlusion?stride=28",
    "activation-maximization job": "/activation-maximization?class=1&iterations=16",
    "cancelled job": "/explain/occlusion?stride=4",
}


class Client(threading.Thread):
    """One of those who call, in an order of its own that is the same each time."""

    def __init__(self, number, service, jpeg, end):
        super().__init__()
        self.address, self.jpeg, self.end = service.address, jpeg, end
        self.chance = random.Random(number)
        self.connection = http.client.HTTPConnection(self.address, timeout=120)
        self.counts = collections.Counter()
        self.surprises = []

    def run(self):
        kinds, weights = zip(*MIXTURE.items())
        while time.monotonic() < self.end:
            kind = self.chance.choices(kinds, weights)[0]
            try:
                self.do(kind)
            except (OSError, http.client.HTTPException) as error:
                self.surprises.append(f"{kind}: {error!r}")
                self.connection.close()
            self.counts[kind] += 1

    def do(self, kind):
        if kind == "metrics":
            return self.ask(kind, "GET", "/metrics", None)
        if kind == "left":
            return self.leave(MODEL + PATHS[kind])
        picture = self.spoilt() if kind == "bad picture" else self.jpeg
        headers = {"content-type": "image/jpeg"}
        if kind == "overlay":
            headers["accept"] = "image/png"
        if kind.endswith("job"):
            headers["prefer"] = "respond-async"
        if kind == "activation-maximization job":
            picture, headers = None, {"prefer": "respond-async"}
        answer = self.ask(kind, "POST", MODEL + PATHS[kind], picture, headers)
        if kind.endswith("job"):
            self.follow(kind, json.loads(answer))
        return answer

    def ask(self, kind, method, path, body, headers={}):
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content, expected = answer.read(), ANSWERS.get(kind, 200)
        if answer.status != expected:
            self.surprises.append(f"{kind}: {answer.status} where {expected} was expected: {content[:200]!r}")
        return content

    def follow(self, kind, job):
        """To the end of a job; of one that is to be cancelled, a while."""
        path = f"/v1/jobs/{job['id']}"
        if kind == "cancelled job":
            time.sleep(self.chance.uniform(0, 1))
            self.ask("cancel", "DELETE", path, None)
            return
        while json.loads(self.ask("job", "GET", path, None))["status"] in ("queued", "running"):
            time.sleep(0.2)
        self.ask("result", "GET", f"{path}/result", None)

    def spoilt(self):
        """A picture that is none: cut short, of noise, or nothing at all."""
        noise = self.chance.randbytes(50_000)
        return self.chance.choice([self.jpeg[:500], noise, b"\x89PNG\r\n\x1a\n" + noise, b""])

    def leave(self, path):
        """Cuts the connection in the middle of the body, or while the answer is computed."""
        host, port = self.address.split(":")
        whole = request(self.address, path, self.jpeg)
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(whole[: self.chance.choice([len(whole) // 2, len(whole)])])
            time.sleep(self.chance.uniform(0, 0.05))


def soak(service, jpeg, seconds):
    """What memory was seen (seconds, MiB), how many requests of each kind there were, and what nobody expected."""
    start = time.monotonic()
    clients = [Client(number, service, jpeg, start + seconds) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    seen = []
    for due in np.arange(0, seconds + 1, EVERY):
        time.sleep(max(0.0, start + due - time.monotonic()))
        seen.append((time.monotonic() - start, service.resident()))
    for client in clients:
        client.join()
    counts = sum((client.counts for client in clients), collections.Counter())
    return np.array(seen), counts, [surprise for client in clients for surprise in client.surprises]
