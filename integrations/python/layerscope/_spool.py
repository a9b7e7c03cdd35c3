"""What is to be sent, on disk: a line of JSON that says how long each body is, then the body."""

import json
import os
import re
import tempfile


class Spool:
    """Bodies in order. Written at the end, taken from the beginning; gone when all are taken."""

    def __init__(self, folder, run, sender, limit):
        folder = folder or os.path.join(tempfile.gettempdir(), "layerscope-spool")
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", run)[:80]
        self.path = os.path.join(folder, f"{safe}-{sender}.spool")
        self._folder, self._limit, self._run = folder, limit, run
        self._file = None
        self._read = self._next = 0
        # What is left of bodies that were sent in part; it goes before the file.
        self._front = []
        self.records = 0

    def __bool__(self):
        return self.records > 0

    def add(self, head, body):
        """Appends; ``False`` where it does not fit."""
        line = self._line(head, body)
        try:
            if self._file is None:
                os.makedirs(self._folder, mode=0o700, exist_ok=True)
                self._file = open(self.path, "w+b")
                self._read = 0
            self._file.seek(0, os.SEEK_END)
            end = self._file.tell()
            if end + len(line) + len(body) > self._limit:
                return False
            try:
                self._file.write(line + body + b"\n")
                self._file.flush()
            except OSError:
                # Half a body would hide what comes after it.
                self._file.truncate(end)
                raise
        except OSError:
            return False
        self.records += head["records"]
        return True

    def first(self):
        """The oldest head and body."""
        if self._front:
            return self._front[0]
        self._file.seek(self._read)
        head = json.loads(self._file.readline())
        body = self._file.read(head["length"])
        self._next = self._file.tell() + 1
        return head, body

    def drop(self, head, rest):
        """Forgets the oldest but for ``rest`` of it."""
        if self._front:
            self._front[:1] = rest
        else:
            self._front = list(rest)
            self._read = self._next
        self.records += sum(part["records"] for part, _ in rest) - head["records"]
        if not self._front and self.records <= 0 and self._file is not None:
            self._file.close()
            os.remove(self.path)
            self._file = None

    def keep(self):
        """Leaves what was not taken for later: a file of it alone."""
        if self._file is None:
            return
        self._file.seek(self._read)
        rest = self._file.read()
        self._file.close()
        self._file = None
        temporary = self.path + ".tmp"
        with open(temporary, "wb") as file:
            for head, body in self._front:
                file.write(self._line(head, body) + body + b"\n")
            file.write(rest)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path)

    def _line(self, head, body):
        return json.dumps({**head, "run": self._run, "length": len(body)}).encode() + b"\n"


def bodies(path):
    """Heads and bodies of a spool file, up to one that was cut short."""
    with open(path, "rb") as file:
        while True:
            line = file.readline()
            if not line.endswith(b"\n"):
                return
            try:
                head = json.loads(line)
                length = head["length"]
            except (ValueError, KeyError, TypeError):
                raise ValueError("no spool file of layerscope") from None
            body = file.read(length)
            if len(body) < length:
                return
            file.read(1)
            yield head, body
