"""One kind of call under all loads."""
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import leaving
from load import CONNECTIONS, Probe, load

# Seconds in which the service has to answer. A full queue of 64 takes one to two.
DEADLINE = 5

# Seconds that each load lasts.
LASTS = 15

# Clients that stay, and as many that leave: together as many as the queue takes.
HALF = 32

TABLE = """| load | calls/s | 200/s | 503/s | faults | 200, median ms | 200, p99 ms | 503, p99 ms | health, slowest ms |
|---|---:|---:|---:|---:|---:|---:|---:|---:|"""


def row(name, outcome, health):
    """A line of the table."""
    times = [outcome.quantile(200, 0.5), outcome.quantile(200, 0.99), outcome.quantile(503, 0.99), health]
    counts = f"{outcome.offered:.0f} | {outcome.rate:.1f} | {outcome.refused:.0f} | {sum(outcome.faults.values())}"
    line = f"| {name} | {counts} | {' | '.join('' if np.isnan(time) else f'{time * 1e3:.0f}' for time in times)} |"
    print(line, flush=True)
    return line


class Trial:
    """Calls of one kind, what they came to, and what should hold of it."""

    def __init__(self, name, path, service, jpeg, picture, verdicts):
        self.name, self.path, self.address = name, path, service.address
        self.jpeg, self.picture, self.verdicts = jpeg, picture, verdicts
        self.rows, self.rates, self.faults = [], {}, []

    def verdict(self, holds, text):
        self.verdicts.add(holds, f"{self.name}: {text}")

    def call(self, clients, rate=0, seconds=LASTS):
        return load(self.address, self.path, self.picture, seconds, clients, rate)

    def load(self, label, clients, rate=0):
        """One load, watched."""
        with Probe(self.address) as probe:
            outcome = self.call(clients, rate)
        self.rows.append(row(f"{self.name}, {label}", outcome, max(probe.times)))
        self.rates[label] = outcome.rate
        self.faults += [f"{count} times {fault}" for fault, count in outcome.faults.items()]
        self.faults += [f"{len(times)} answers of {status}" for status, times in outcome.answers.items() if status not in (200, 503)]
        self.faults += [f"{probe.failures} failures of /healthz"] * (probe.failures > 0)
        return outcome

    def loads(self, sessions):
        """Finds the capacity, by clients that call one after the other, and asks for one, two and ten times as much."""
        self.call(sessions, seconds=3)
        capacity = max(self.load(f"{clients} clients", clients).rate for clients in (sessions, 2 * sessions, 4 * sessions))
        slowest, asked = 0, True
        for times in (1, 2, 10):
            outcome = self.load(f"{times}x", CONNECTIONS, capacity * times)
            slowest = max(slowest, outcome.quantile(200, 0.99))
            # A generator that cannot keep up would prove nothing.
            asked &= outcome.offered > 0.9 * capacity * times
        peak, least = max(self.rates.values()), min(self.rates[f"{times}x"] for times in (1, 2, 10))
        self.verdict(asked, f"as many calls were made as 1x, 2x and 10x of {capacity:.1f} a second are")
        self.verdict(least >= 0.9 * peak, f"throughput stays within 10 % of its peak ({least:.1f} of {peak:.1f} answers a second at least)")
        faults = "; ".join(self.faults[:5]) or "none was lost"
        self.verdict(not self.faults, f"every call is answered, with 200, or with 503 and `Retry-After` ({faults})")
        self.verdict(slowest < DEADLINE, f"p99 of accepted calls is within the deadline ({slowest:.2f} of {DEADLINE} s at most)")

    def leavers(self):
        """Half of the clients leave midway, over and over."""
        before, peak = leaving.left(self.address), max(self.rates.values())
        with ThreadPoolExecutor() as pool:
            staying = pool.submit(self.call, HALF)
            count = leaving.leave(HALF, self.address, self.path, self.jpeg, LASTS - 3)
            # The call for the metrics is one more, on a connection of its own.
            most = {"glassbox_requests_in_progress": HALF + 1, "glassbox_connections": HALF + 1, "glassbox_queue_waiting": HALF}
            seconds, now = leaving.settled(self.address, most)
            noticed, stayed = leaving.left(self.address) - before, staying.result()
        found = ", ".join(f"`{name}` {value:.0f}" for name, value in now.items())
        self.verdict(
            seconds < leaving.PATIENCE,
            f"{HALF} of {2 * HALF} clients left midway {count} times ({noticed} counted as left); {seconds * 1e3:.0f} ms after the last had "
            f"left, all together, only those who stay held places ({found})",
        )
        kept = stayed.rate >= 0.9 * peak and stayed.answers.keys() == {200} and not stayed.faults
        self.verdict(kept, f"those who stay are all served meanwhile, {stayed.rate:.1f} a second")
