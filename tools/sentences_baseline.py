"""A bag of words with logistic regression on the sentences of models/recipes/sentiment.toml, split as
`data::sentences` splits them: what the Transformer is compared with.

    python tools/sentences_baseline.py FOLDER      # the folder hutto_ICWSM_2014, needs scikit-learn

Words are counted (or weighted by tf-idf) in the training part; the strength of the penalty is chosen
by the validation part; the test part is answered once.
"""

import argparse
import pathlib

MASK = (1 << 64) - 1
PARTS = ("training", "validation", "test")


class Random:
    """`model::Random`: SplitMix64 under a key."""

    def __init__(self, key):
        self.state = 0x243F6A8885A308D3
        for part in key:
            self.state = self.bits() ^ ((part * 0x9E3779B97F4A7C15) & MASK)

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self):
        return (self.bits() >> 11) / 2**53


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def sentences(folder, neutral, validation, test):
    """Text, class (1 is positive) and part of each sentence, as `data::sentences::read` has them."""
    seen, found = set(), []
    for path in sorted(pathlib.Path(folder).glob("*_GroundTruth.txt")):
        for line in path.read_bytes().decode("utf-8").split("\n"):
            if not line.strip():
                continue
            identifier, rating, text = (cell.strip() for cell in line.split("\t"))
            rating = float(rating)
            if abs(rating) < neutral or rating == 0 or text in seen:
                continue
            seen.add(text)
            document = f"{path.stem}/{identifier.split('_')[0]}"
            drawn = Random([1, fnv1a(document.encode())]).uniform()
            part = 2 if drawn < test else 1 if drawn < test + validation else 0
            found.append((text, int(rating > 0), PARTS[part]))
    return found


def main():
    # The split alone is read without scikit-learn.
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--neutral", type=float, default=0.5)
    parser.add_argument("--validation", type=float, default=0.1)
    parser.add_argument("--test", type=float, default=0.1)
    given = parser.parse_args()
    found = sentences(given.folder, given.neutral, given.validation, given.test)
    texts, classes = {}, {}
    for part in PARTS:
        texts[part] = [text for text, _, own in found if own == part]
        classes[part] = [kind for _, kind, own in found if own == part]
        positive = sum(classes[part]) / max(1, len(classes[part]))
        print(f"{part}: {len(texts[part])} sentences, {positive:.1%} positive")
    for counting in (CountVectorizer, TfidfVectorizer):
        for most in (1, 2):
            words = counting(ngram_range=(1, most), min_df=2)
            rows = {"training": words.fit_transform(texts["training"])}
            for part in PARTS[1:]:
                rows[part] = words.transform(texts[part])
            best = None
            for strength in (0.1, 0.3, 1, 3, 10):
                model = LogisticRegression(C=strength, max_iter=2000)
                model.fit(rows["training"], classes["training"])
                score = model.score(rows["validation"], classes["validation"])
                if best is None or score > best[0]:
                    best = (score, strength, model)
            score, strength, model = best
            test = model.score(rows["test"], classes["test"])
            print(
                f"{counting.__name__}, {'words' if most == 1 else 'words and pairs'}"
                f" ({rows['training'].shape[1]}), C {strength}:"
                f" validation {score:.2%}, test {test:.2%}"
            )


if __name__ == "__main__":
    main()
