"""The client against a server that answers as it is told."""

import http.server
import io
import contextlib
import json
import math
import os
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import layerscope
from layerscope import _values
from layerscope._spool import bodies


class Server:
    """Answers with ``status`` and keeps what it took; takes no batch twice, like the real one."""

    def __init__(self, port=0):
        outer = self
        self.status, self.taken, self.requests, self.poison, self.last = 200, [], 0, None, {}
        self.delay, self.drop_answers, self.stopped = 0.0, 0, False

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(outer.delay)
                outer.requests += 1
                if outer.stopped:
                    self.close_connection = True
                    return
                status, text = outer.answer(self.path, self.headers, body)
                if status == 200 and outer.drop_answers:
                    # It was taken, but the sender never learns it.
                    outer.drop_answers -= 1
                    self.close_connection = True
                    return
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "0")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path, headers, body):
        if headers["Authorization"] != "Bearer right":
            return 401, b'{"error":"token"}'
        if self.status != 200:
            return self.status, json.dumps({"error": "as told"}).encode()
        if headers["Content-Type"] == "application/x-npy":
            records = [(path, body)]
        else:
            records = [json.loads(line) for line in body.splitlines()]
            if any(self.poison and self.poison in json.dumps(r) for r in records):
                return 400, b'{"error":"poison"}'
        sender, number = headers["Layerscope-Batch"].split("-")
        if int(number) > self.last.get(sender, -1):
            self.last[sender] = int(number)
            self.taken += records
        return 200, b"{}"

    def stop(self):
        self.stopped = True
        self.http.shutdown()
        self.http.server_close()


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.said = io.StringIO()
        redirect = contextlib.redirect_stderr(self.said)
        redirect.__enter__()
        self.addCleanup(redirect.__exit__, None, None, None)

    def run_to(self, server=None, **options):
        options = {"interval": 0.02, "spool": self.folder, **options}
        return layerscope.Run("a/b", (server or self.server).url, "right", **options)

    def steps(self):
        return [r["step"] for r in self.server.taken]

    def test_everything_arrives_in_order(self):
        with self.run_to() as run:
            for step in range(5000):
                run.log({"loss": step / 2}, step)
        self.assertEqual(self.steps(), list(range(5000)))
        self.assertLess(self.server.requests, 1000, "records share requests")
        self.assertEqual(run.lost, 0)
        self.assertEqual(os.listdir(self.folder), [])

    def test_every_sort_of_record(self):
        with self.run_to() as run:
            run.config({"a": 1, "b": {"c": True, "d": "x"}, "e": None, "f": float("inf")})
            run.log({"x": float("nan"), "y": -math.inf}, 3)
            run.log({"x": 1})
            run.histogram("h", [1.0, 2.0, float("nan"), 4.0], 5, bins=3)
            run.histogram("same", [2.0, 2.0], 5, bins=4)
            run.histogram("none", [], 5)
            run.text("t", "words", 6)
            run.image("i", b"\x89PNG", 6)
            run.tensor("w", [[1, 2], [3, 4]], 7, kind="weights")
            run.mark("began", 8, kind="restart")
        t = self.server.taken
        self.assertEqual(t[0], {"hyperparameters": {"a": 1, "b.c": True, "b.d": "x", "e": "None", "f": "Infinity"}})
        self.assertEqual([r["value"] for r in t[1:3]], ["NaN", "-Infinity"])
        self.assertEqual((t[3]["step"], t[3]["value"]), (4, 1.0))
        self.assertEqual([b[2] for b in t[4]["buckets"]], [1, 1, 1])
        self.assertEqual((t[4]["min"], t[4]["max"], t[4]["count"], t[4]["sum"]), (1, 4, 3, 7))
        self.assertEqual(sum(b[2] for b in t[5]["buckets"]), 2)
        self.assertEqual((t[6]["count"], t[6]["buckets"]), (0, []))
        self.assertEqual((t[7]["value"], t[8]["data"]), ("words", "iVBORw=="))
        self.assertEqual((t[9]["shape"], t[9]["dtype"], t[9]["kind"]), ([2, 2], "float32", "weights"))
        self.assertEqual((t[10]["mark"], t[10]["kind"]), ("began", "restart"))

    def test_large_arrays_go_as_npy_and_are_copies(self):
        numpy = __import__("importlib").import_module("numpy") if _has("numpy") else None
        if numpy is None:
            self.skipTest("NumPy is not installed")
        values = numpy.arange(100_000, dtype="float32").reshape(4, -1)
        with self.run_to(interval=0.3) as run:
            run.tensor("big", values, 2, kind="weights")
            values[:] = 0
        path, body = self.server.taken[0]
        self.assertIn("tag=big&step=2&wall=", path)
        self.assertTrue(path.startswith("/v1/runs/a%2Fb/records?"))
        array = numpy.load(io.BytesIO(body))
        self.assertEqual((array.shape, array[3, -1]), ((4, 25_000), 99_999))

    def test_a_server_that_goes_and_comes_back(self):
        run = self.run_to()
        run.log({"x": 0}, 0)
        self.assertTrue(run.flush(5))
        port = self.server.port
        self.server.stop()
        for step in range(1, 300):
            run.log({"x": step}, step)
        run.flush(5)
        self.assertIsNotNone(run.spool_file)
        taken, last = self.server.taken, self.server.last
        self.server = Server(port)
        self.server.taken, self.server.last = taken, last
        run.log({"x": 300}, 300)
        deadline = time.monotonic() + 20
        while run.spool_file and time.monotonic() < deadline:
            time.sleep(0.05)
        run.close()
        self.assertEqual(self.steps(), list(range(301)))
        self.assertEqual((run.lost, os.listdir(self.folder)), (0, []))
        self.assertIn("takes the records", self.said.getvalue())

    def test_a_lost_acknowledgement_repeats_nothing(self):
        self.server.drop_answers = 3
        with self.run_to() as run:
            for step in range(100):
                run.log({"x": step}, step)
                time.sleep(0.002)
        self.assertEqual(self.steps(), list(range(100)))

    def test_what_is_left_at_the_end_is_sent_by_the_command(self):
        self.server.status = 507
        run = self.run_to()
        for step in range(50):
            run.log({"x": step}, step)
        run.close(1)
        file = run.spool_file
        self.assertIn(file, self.said.getvalue())
        self.assertEqual((run.lost, sum(h["records"] for h, _ in bodies(file))), (0, 50))
        self.server.status = 200
        self.assertEqual(layerscope.send_file(file, self.server.url, "right"), (50, 0))
        self.assertEqual(self.steps(), list(range(50)))
        self.assertFalse(os.path.exists(file))
        with open(file, "wb") as broken:
            broken.write(b"nonsense\n")
        with self.assertRaises(ValueError):
            layerscope.send_file(file, self.server.url, "right")

    def test_one_bad_record_costs_itself_alone(self):
        self.server.poison = "poison"
        with self.run_to(interval=0.3) as run:
            for step in range(100):
                run.log({"poison" if step in (13, 70) else "x": step}, step)
        self.assertEqual(self.steps(), [s for s in range(100) if s not in (13, 70)])
        self.assertEqual(run.lost, 2)
        self.assertIn("2 records of run 'a/b' were lost", self.said.getvalue())

    def test_too_many_requests_are_sent_again(self):
        self.server.status = 429
        run = self.run_to()
        run.log({"x": 1}, 1)
        run.flush(0.3)
        self.server.status = 200
        run.close()
        self.assertEqual((self.steps(), run.lost), ([1], 0))

    def test_training_waits_for_a_bounded_time(self):
        self.server.delay = 0.5
        run = self.run_to(queue=10, patience=0.05)
        start = time.monotonic()
        for step in range(40):
            run.log({"x": step}, step)
        self.assertLess(time.monotonic() - start, 40 * 0.05 + 1.0)
        self.server.delay = 0.0
        run.close()
        self.assertEqual(len(self.server.taken) + run.lost, 40)
        self.assertGreater(run.lost, 0)
        self.assertIn("the queue was full", self.said.getvalue())

    def test_a_full_spool_says_what_is_lost(self):
        self.server.status = 503
        run = self.run_to(spool_bytes=3000)
        for step in range(200):
            run.log({"x": step}, step)
            run.flush(0.05)
        run.close(0.5)
        kept = sum(h["records"] for h, _ in bodies(run.spool_file))
        self.assertEqual(kept + run.lost, 200)
        self.assertGreater(run.lost, 0)
        self.assertIn("is full", self.said.getvalue())

    def test_settings_are_needed_and_checked(self):
        for name in ("LAYERSCOPE_URL", "LAYERSCOPE_TOKEN"):
            os.environ.pop(name, None)
        with self.assertRaises(ValueError):
            layerscope.Run("x")
        with self.assertRaises(ValueError):
            layerscope.Run("x", "localhost:80", "t")
        run = layerscope.Run("x", self.server.url, "wrong", spool=self.folder, interval=0.02)
        run.log({"x": 1}, 1)
        run.close(1)
        self.assertIn("401", self.said.getvalue())
        self.assertEqual((run.lost, sum(h["records"] for h, _ in bodies(run.spool_file))), (0, 1))


def _has(name):
    return __import__("importlib.util").util.find_spec(name) is not None


if __name__ == "__main__":
    unittest.main()
