"""Writes sample.tsv: every so many of the test sentences of models/recipes/sentiment.toml, 60 of each file.

    python assets/sentences/make.py FOLDER         # the folder hutto_ICWSM_2014
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
from sentences_baseline import Random, fnv1a  # noqa: E402

COUNT = 60


def main():
    rows, seen = [], set()
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*_GroundTruth.txt")):
        own = []
        for line in path.read_bytes().decode("utf-8").split("\n"):
            if not line.strip():
                continue
            identifier, rating, text = (cell.strip() for cell in line.split("\t"))
            document = f"{path.stem}/{identifier.split('_')[0]}"
            drawn = Random([1, fnv1a(document.encode())]).uniform()
            if abs(float(rating)) < 0.5 or drawn >= 0.1 or text in seen or '"' in text or "\t" in text:
                continue
            seen.add(text)
            own.append((document, f"{float(rating):.4g}", text))
        rows += own[:: max(1, len(own) // COUNT)][:COUNT]
    lines = ["document\trating\ttext"] + ["\t".join(row) for row in rows]
    (HERE / "sample.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
