"""Writes minilm_attention.safetensors: what each head of MiniLM-L6 attends to in a text, by PyTorch.

Needs torch, transformers and safetensors: `python make_attention.py FOLDER`, where FOLDER holds the
sentence encoder with its tokenizer.
"""

import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer

TEXT = "The cat sat on the mat, because it was warm."


def main():
    folder = sys.argv[1]
    ids = Tokenizer.from_file(f"{folder}/tokenizer.json").encode(TEXT)
    ids = [i for i, m in zip(ids.ids, ids.attention_mask) if m]
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        found = model(torch.tensor([ids]), output_attentions=True)
        # Head 3 of layer 2 put out: its weights 0.
        layer = model.encoder.layer[2].attention.self
        plain = layer.forward
        size = layer.attention_head_size

        def without(*arguments, **named):
            out = list(plain(*arguments, **named))
            out[0] = out[0].clone()
            out[0][..., 3 * size : 4 * size] = 0
            return tuple(out)

        layer.forward = without
        ablated = model(torch.tensor([ids])).last_hidden_state
    weights = torch.stack([a[0] for a in found.attentions])
    path = Path(__file__).parent / "minilm_attention.safetensors"
    save_file({"weights": weights.contiguous(), "ablated": ablated[0].mean(0).contiguous()}, path)
    print(weights.shape, path.stat().st_size)


main()
