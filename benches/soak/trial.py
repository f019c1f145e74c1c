"""One kind of call under all loads."""
from concurrent.futures import ThreadPoolExecutor

import leaving
from load import CONNECTIONS, Probe, load

# Seconds in which the service has to answer. A full queue of 64 takes one to two.
DEADLINE = 5

# Seconds that each load lasts.
LASTS = 15

# Clients that stay, and as many that leave: together as many as the queue takes.
HALF = 32

TABLE = """| load | calls/s | 200/s | 503/s | lost | 200, median ms | 200, p99 ms | 503, p99 ms | health, slowest ms |
|---|---:|---:|---:|---:|---:|---:|---:|---:|"""


def row(name, outcome, health):
    """A line of the table."""
    times = [outcome.accepted["p50"], outcome.accepted["p99"], outcome.refused["p99"], health]
    refused = outcome.answered.get(503, 0) / outcome.seconds
    counts = f"{outcome.offered:.0f} | {outcome.rate:.1f} | {refused:.0f} | {sum(outcome.lost.values())}"
    line = f"| {name} | {counts} | {' | '.join('' if time is None else f'{time * 1e3:.0f}' for time in times)} |"
    print(line, flush=True)
    return line


class Trial:
    """Calls of one kind, what they came to, and what should hold of it."""

    def __init__(self, name, path, service, generator, jpeg, picture, verdicts):
        self.name, self.path, self.address = name, path, service.address
        self.generator, self.jpeg, self.picture, self.verdicts = generator, jpeg, picture, verdicts
        self.rows, self.rates, self.faults = [], {}, []

    def verdict(self, holds, text):
        self.verdicts.add(holds, f"{self.name}: {text}")

    def call(self, clients, rate=None, seconds=LASTS):
        return load(self.generator, self.address, self.path, self.picture, seconds, clients, rate)

    def load(self, label, clients, rate=None):
        """One load, watched."""
        with Probe(self.address, self.path, self.jpeg) as probe:
            outcome = self.call(clients, rate)
        self.rows.append(row(f"{self.name}, {label}", outcome, max(probe.health)))
        self.rates[label] = outcome.rate
        self.faults += probe.faults + [f"{count} times {reason}" for reason, count in outcome.lost.items()]
        self.faults += [f"{count} answers of {status}" for status, count in outcome.answered.items() if status not in (200, 503)]
        return outcome

    def loads(self, sessions):
        """Finds the capacity, by clients that call one after the other, and asks for one, two and ten times as much."""
        self.call(sessions, seconds=3)
        capacity = max(self.load(f"{clients} clients", clients).rate for clients in (sessions, 2 * sessions, 4 * sessions))
        slowest, asked = 0, True
        for times in (1, 2, 10):
            outcome = self.load(f"{times}x", CONNECTIONS, capacity * times)
            slowest = max(slowest, outcome.accepted["p99"])
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
        kept = stayed.rate >= 0.9 * peak and stayed.answered.keys() == {200} and not stayed.lost
        self.verdict(kept, f"those who stay are all served meanwhile, {stayed.rate:.1f} a second")
