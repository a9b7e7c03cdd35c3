"""The sending thread: batches, tries again, spools, and counts what is lost."""

import collections
import http.client
import json
import os
import secrets
import socket
import sys
import threading
import time
import urllib.parse

from . import _values
from ._spool import Spool, bodies

# Of one request.
RECORDS = 2000
BYTES = 4 << 20
# An array that is larger goes by itself, in NumPy's format.
LARGE = 256 << 10
# Numbers between two batches, for the halves of one that was refused.
SPREAD = 1 << 20


class Away(Exception):
    """The server cannot be reached, or asks to come again."""

    def __init__(self, why, after=None):
        super().__init__(why)
        self.after = after
        # Heads and bodies that are still to be sent.
        self.rest = []


class Refused(Exception):
    """The server will never take this."""


class Connection:
    """Posts bodies of a run, over one connection while it lasts."""

    def __init__(self, url, token):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r}: http://HOST:PORT is expected")
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        self._make = lambda: kinds[parts.scheme](parts.hostname, parts.port, timeout=20)
        self._token = token
        self._open = None

    def post(self, run, head, body):
        """Returns once it is on the server's disk."""
        path = f"/v1/runs/{urllib.parse.quote(run, safe='')}/records"
        if head.get("query"):
            path += "?" + urllib.parse.urlencode(head["query"])
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": head["type"],
                   "Layerscope-Batch": head["batch"]}
        try:
            if self._open is None:
                self._open = self._make()
                self._open.connect()
                self._open.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.request("POST", path, body, headers)
            response = self._open.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Away(f"{type(error).__name__}: {error}") from None
        if response.status == 200:
            return
        try:
            why = json.loads(text)["error"]
        except (ValueError, KeyError, TypeError):
            why = text[:200].decode(errors="replace")
        why = f"status {response.status}: {why}"
        if response.status in (400, 413, 415, 422):
            raise Refused(why)
        after = response.headers.get("Retry-After", "")
        raise Away(why, float(after) if after.isdigit() else None)

    def close(self):
        if self._open is not None:
            self._open.close()
            self._open = None


def halves(head, body):
    """A refused body as two, or ``None`` where it is one record."""
    lines = body.splitlines(keepends=True) if head["type"] == "application/x-ndjson" else []
    if len(lines) < 2:
        return None
    sender, number = head["batch"].split("-")
    middle, number, room = len(lines) // 2, int(number), head.get("room", SPREAD)
    parts = []
    for i, part in enumerate((lines[:middle], lines[middle:])):
        parts.append(({**head, "batch": f"{sender}-{number + i * (room // 2) + (1 - i)}",
                       "records": len(part), "room": room // 2 - 1}, b"".join(part)))
    return parts


def post(connection, run, head, body, lose):
    """Sends a body; what the server refuses is narrowed down to the record and given to ``lose``."""
    todo = [(head, body)]
    while todo:
        head, body = todo[0]
        try:
            connection.post(run, head, body)
            todo.pop(0)
        except Refused as refused:
            parts = halves(head, body)
            if parts is None:
                lose(head["records"], str(refused))
            todo[:1] = parts or []
        except Away as away:
            away.rest = todo
            raise


class Sender:
    """A bounded queue and the thread that empties it."""

    def __init__(self, run, url, token, queue, patience, interval, spool, spool_bytes):
        self.run, self.lost = run, 0
        self._queue, self._size, self._patience = collections.deque(), queue, patience
        self._interval = interval
        self._id = secrets.token_hex(8)
        self._number = 0
        self._spool = Spool(spool, run, self._id, spool_bytes)
        self._connection = Connection(url, token)
        self._said = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._busy, self._closing, self._hurry = False, False, 0
        # Of what lies in the queue, in bytes: arrays are large.
        self._bytes = 0
        self._thread = threading.Thread(target=self._work, name="layerscope", daemon=True)
        self._thread.start()

    @property
    def spool_file(self):
        return self._spool.path if self._spool else None

    def put(self, record, data=None):
        """Queues a record, waiting for a place for a bounded time."""
        weight = len(data) if data else 200
        deadline = time.monotonic() + self._patience
        with self._changed:
            while (len(self._queue) >= self._size or self._bytes > (256 << 20)) and not self._closing:
                self._hurry += 1
                self._changed.notify_all()
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return self._lose(1, "the queue was full")
            if self._closing:
                return self._lose(1, "the run was closed")
            self._queue.append((record, data))
            self._bytes += weight
            if len(self._queue) >= RECORDS or self._bytes > BYTES:
                self._changed.notify_all()

    def flush(self, timeout):
        deadline = time.monotonic() + timeout
        with self._changed:
            self._hurry += 1
            self._changed.notify_all()
            while self._queue or self._busy or (self._spool and self._thread.is_alive() and not self._away()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.1))
        return True

    def close(self, timeout):
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._deadline = time.monotonic() + timeout
            self._changed.notify_all()
        self._thread.join(timeout + 25)
        if self.lost:
            self._say(f"{self.lost} records of run {self.run!r} were lost")
        if self._spool:
            self._say(f"{self._spool.records} records of run {self.run!r} wait in {self._spool.path}: "
                      f"send them with python -m layerscope {self._spool.path}")

    # Below: on the sending thread.

    _pause = 0.0
    _try_at = 0.0
    _deadline = None

    def _away(self):
        return self._pause > 0

    def _work(self):
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                if not (self._closing or self._hurry or len(self._queue) >= RECORDS):
                    self._changed.wait(self._interval)
                self._hurry = 0
                closing = self._closing
                self._busy = True
            self._drain()
            while self._queue:
                head, body = self._batch()
                self._deliver(head, body)
            self._drain()
            if closing and not self._queue:
                self._last_try()
                break
        self._connection.close()
        self._spool.keep()
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def _batch(self):
        """The next head and body from the queue."""
        lines, size = [], 0
        with self._changed:
            while self._queue and len(lines) < RECORDS and size < BYTES:
                record, data = self._queue[0]
                if data is not None and len(data) > LARGE and "tensor" in record:
                    packed = _values.npy(record["dtype"], record["shape"], data)
                    if packed is not None:
                        if lines:
                            break
                        self._pop()
                        query = {"tag": record["tensor"], "step": record["step"], "wall": record["wall"]}
                        if "kind" in record:
                            query["kind"] = record["kind"]
                        return self._head("application/x-npy", 1, query), packed
                self._pop()
                if data is not None:
                    record = {**record, "data": _values.encoded(data)}
                line = _values.dumps(record)
                lines.append(line)
                size += len(line)
            self._changed.notify_all()
        return self._head("application/x-ndjson", len(lines)), b"\n".join(lines)

    def _pop(self):
        _, data = self._queue.popleft()
        self._bytes -= len(data) if data else 200

    def _head(self, kind, records, query=None):
        self._number += 1
        return {"batch": f"{self._id}-{self._number * SPREAD}", "type": kind, "records": records, "query": query}

    def _deliver(self, head, body):
        # What was spooled earlier goes first.
        rest = [(head, body)] if self._spool else self._attempt(head, body)
        for head, body in rest:
            if not self._spool.add(head, body):
                self._lose(head["records"], f"the server is away, and the spool {self._spool.path} is full")

    def _drain(self):
        while self._spool:
            head, body = self._spool.first()
            rest = self._attempt(head, body)
            self._spool.drop(head, rest)
            if rest:
                return

    def _attempt(self, head, body):
        """What is still to be sent: nothing once all was taken, or refused for good."""
        if time.monotonic() < self._try_at and self._deadline is None:
            return [(head, body)]
        try:
            post(self._connection, self.run, head, body, self._lose)
        except Away as away:
            self._say(f"{away}; what comes waits on disk meanwhile", away.args[0][:12])
            self._pause = min(max(2 * self._pause, 0.1), 30.0)
            self._try_at = time.monotonic() + max(self._pause, away.after or 0)
            return away.rest
        if self._away():
            self._said.clear()
            self._say(f"the server takes the records of run {self.run!r} again")
            self._said.clear()
        self._pause = 0.0
        return []

    def _last_try(self):
        """A server that is gone is not waited for; one that is busy is, until the time is over."""
        tries = 0
        while self._spool and time.monotonic() < self._deadline and tries < 3:
            tries += 1
            time.sleep(min(0.2 * tries, max(0, self._deadline - time.monotonic())))
            self._drain()

    def _lose(self, records, why):
        self.lost += records
        self._say(f"records of run {self.run!r} are lost: {why}", why)

    def _say(self, text, key=None):
        """Each thing once, so that a log file is not filled."""
        if (key or text) not in self._said and len(self._said) < 100:
            self._said.add(key or text)
            print(f"layerscope: {text}", file=sys.stderr, flush=True)


def send_file(path, url=None, token=None):
    """Sends a spool file and removes it; returns how many records were sent and how many refused.

    What had been taken before is not taken twice.
    """
    url, token = url or os.environ.get("LAYERSCOPE_URL"), token or os.environ.get("LAYERSCOPE_TOKEN")
    if not url or not token:
        raise ValueError("LAYERSCOPE_URL and LAYERSCOPE_TOKEN are expected")
    connection, total, lost = Connection(url, token), 0, []

    def lose(records, why):
        lost.append(records)
        print(f"layerscope: {path}: {why}", file=sys.stderr)

    for head, body in bodies(path):
        total += head["records"]
        todo, attempt = [(head, body)], 0
        while todo:
            try:
                head, body = todo[0]
                post(connection, head["run"], head, body, lose)
                todo.pop(0)
            except Away as away:
                todo[:1] = away.rest
                attempt += 1
                if attempt == 8:
                    raise OSError(f"{away}; the file stays, nothing is taken twice") from None
                time.sleep(away.after or 0.1 * 2**attempt)
    connection.close()
    os.remove(path)
    return total - sum(lost), sum(lost)
