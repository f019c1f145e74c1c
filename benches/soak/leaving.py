"""Clients that do not wait for their answers, and what the service's metrics say of them."""
import asyncio
import random
import socket
import time
import urllib.request

from load import MODEL

# Seconds after which a client that leaves has left.
STAYS = (0.1, 0.5)

# Seconds from one look at the metrics to the next.
LOOK_EVERY = 0.005

# Seconds in which what is left behind must be gone.
PATIENCE = 1.0


def gauges(address):
    """The metrics without labels, by name."""
    text = urllib.request.urlopen(f"http://{address}/metrics").read().decode()
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#" and "{" not in line)
    return {name: float(value) for name, value in pairs}


def left(address):
    """How many requests were left by their clients so far."""
    text = urllib.request.urlopen(f"http://{address}/metrics").read().decode()
    lines = [line for line in text.splitlines() if line.startswith("glassbox_requests_total{") and 'status="left"' in line]
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines)


def request(address, path, jpeg):
    """A call as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: image/jpeg\r\ncontent-length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg


async def _leaver(number, address, path, jpeg, end):
    """Calls and leaves, over and over; every second one in the middle of the body."""
    host, port = address.split(":")
    sent = request(address, MODEL + path, jpeg)
    if number % 2:
        sent = sent[: len(sent) // 2]
    chance, count = random.Random(number), 0
    while time.monotonic() < end:
        try:
            _, connection = await asyncio.open_connection(host, int(port))
            connection.write(sent)
            await connection.drain()
            await asyncio.sleep(min(chance.uniform(*STAYS), max(0.0, end - time.monotonic())))
            connection.transport.abort()
            count += 1
        except ConnectionError:
            pass  # refused, and the connection closed, before it could leave
    return count


async def _leavers(clients, address, path, jpeg, seconds):
    end = time.monotonic() + seconds
    return sum(await asyncio.gather(*(_leaver(number, address, path, jpeg, end) for number in range(clients))))


def leave(clients, address, path, jpeg, seconds):
    """Has clients call and leave for some seconds, the last time all at once, and says how often that was."""
    return asyncio.run(_leavers(clients, address, path, jpeg, seconds))


def settled(address, most):
    """Seconds until each metric of `most` is no more than it says there, and what these metrics are then."""
    start = time.monotonic()
    while True:
        found = gauges(address)
        now = {name: found[name] for name in most}
        if all(now[name] <= bound for name, bound in most.items()) or time.monotonic() - start > 10 * PATIENCE:
            return time.monotonic() - start, now
        time.sleep(LOOK_EVERY)


def interrupted(address, jpeg, sessions):
    """Seconds until no session is at work any more, when all were at work at something long whose clients leave."""
    host, port = address.split(":")
    connections = [socket.create_connection((host, int(port))) for _ in range(sessions)]
    for connection in connections:
        connection.sendall(request(address, f"{MODEL}/explain/occlusion?stride=2", jpeg))
    start = time.monotonic()
    while gauges(address)["glassbox_sessions_busy"] < sessions:
        if time.monotonic() - start > 10 * PATIENCE:
            raise RuntimeError("the sessions did not begin to work")
        time.sleep(LOOK_EVERY)
    for connection in connections:
        connection.close()
    seconds, _ = settled(address, {"glassbox_sessions_busy": 0})
    return seconds
