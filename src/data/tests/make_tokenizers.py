"""Makes tokenizers/: small tokenizers of each kind, and what Python makes of texts with them.

Needs transformers 4.46, sentencepiece and protobuf. The references of the older files (`vocab.txt`,
`vocab.json` with `merges.txt`) are transformers' own tokenizers in Python, which share no code with
the library that reads `tokenizer.json`.
"""

import json
import shutil
from pathlib import Path

import sentencepiece
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent / "tokenizers"
TEXTS = json.loads((HERE / "texts.json").read_text())

CORPUS = [
    "A network is a function of many layers, and each layer is a function of few numbers.",
    "The attention of a head is a weighted mean of values; the weights come from queries and keys.",
    "She sells sea shells by the sea shore, and the shells she sells are sea shells, I'm sure.",
    "def forward(self, x): return self.norm(x + self.attention(x))",
    "Être ou ne pas être, c'est là la question. Où est le garçon ? Ça, c'est déjà l'été.",
    "Die größte Überraschung war, daß niemand überrascht war. Straße, Füße, Äpfel, Öl.",
    "Съешь ещё этих мягких французских булок, да выпей чаю.",
    "私は学生です。東京は日本の首都です。深層学習のモデルを見る。",
    "今天天气很好，我们去公园散步吧。神经网络的每一层都可以看到。",
    "In 1986, 2012 and 2017 things changed: 3.14159, 1,000,000 and 50% of them.",
    "I can't, you won't, they'll see, we've been, it's done, she'd know, he's here.",
] * 4


def save(name, tokenizer):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [tokenizer.encode(text).ids for text in TEXTS]


def word_pieces():
    """BERT's, with the truncation and padding that some files carry."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    ends = [(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.enable_truncation(12)
    tokenizer.enable_padding(length=12)
    return tokenizer


def older(name, kind, tokenizer, settings):
    """The older files of `tokenizer`, and what transformers' tokenizer in Python makes of them."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tokenizer.model.save(str(folder))
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    slow = kind.from_pretrained(str(folder), **settings)
    return [slow(text)["input_ids"] for text in TEXTS]


def byte_pairs(special):
    """GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def fallback():
    """LLaMA's: byte pairs over words with their space, and bytes for what is unknown."""
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    marks = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence(marks)
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", "<s>", "</s>", *bytes_])
    tokenizer.train_from_iterator(CORPUS[:4], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def pieces():
    """T5's: SentencePiece's unigrams with a table of normalised characters."""
    rules = HERE / "rules.tsv"
    pairs = [("Ａ", "A"), ("Ｂ", "B"), ("ﬁ", "fi"), ("①", "1"), ("\u3000", " "), ("é", "e")]
    line = lambda text: " ".join(f"{ord(c):04X}" for c in text)
    rules.write_text("".join(f"{line(a)}\t{line(b)}\n" for a, b in pairs))
    corpus = HERE / "corpus.txt"
    corpus.write_text("\n".join(CORPUS))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(HERE / "spiece"), vocab_size=200, model_type="unigram",
        normalization_rule_tsv=str(rules), pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=0.98,
    )
    slow = transformers.T5Tokenizer(str(HERE / "spiece.model"), extra_ids=0, legacy=False)
    fast = transformers.T5TokenizerFast(str(HERE / "spiece.model"), extra_ids=0, legacy=False)
    for name in ("rules.tsv", "corpus.txt", "spiece.model", "spiece.vocab"):
        (HERE / name).unlink()
    tokenizer = Tokenizer.from_str(fast.backend_tokenizer.to_str())
    ids = save("unigram", tokenizer)
    same = sum(a == slow(t)["input_ids"] for a, t in zip(ids, TEXTS))
    print(f"unigram: {same} of {len(TEXTS)} texts as SentencePiece itself splits them")
    return ids


def main():
    words, pairs = word_pieces(), byte_pairs(["<|endoftext|>"])
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    found = {
        "wordpiece": save("wordpiece", words),
        "vocab": older("vocab", transformers.BertTokenizer, words, {"do_lower_case": True}),
        "cased": older("cased", transformers.BertTokenizer, words, {"do_lower_case": False}),
        "bytelevel": save("bytelevel", pairs),
        "gpt2": older("gpt2", transformers.GPT2Tokenizer, pairs, {}),
        "roberta": older("roberta", transformers.RobertaTokenizer, byte_pairs(special), {}),
        "fallback": save("fallback", fallback()),
        "unigram": pieces(),
    }
    (HERE / "references.json").write_text(json.dumps(found))


main()
