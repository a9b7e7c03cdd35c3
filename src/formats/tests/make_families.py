"""Makes families/: tiny random models of each architecture and what transformers computes with them.

Needs torch, transformers and safetensors. `python make_families.py`, or
`python make_families.py FOLDER` for the reference of a sentence encoder in FOLDER.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers as t
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent / "families"


def save(name, model, inputs, wanted, shards=None):
    """Writes the model, the inputs it was given and the outputs that `wanted` names."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    for buffer_name, buffer in model.named_buffers():
        if buffer_name.endswith(("running_mean", "running_var")):
            buffer.data += torch.rand(buffer.shape, generator=generator)
    model.eval()
    model.config.output_hidden_states = True
    with torch.no_grad():
        out = model(**inputs)
    found = {
        "logits": getattr(out, "logits", None),
        "last_hidden_state": getattr(out, "last_hidden_state", None),
        "pooler_output": getattr(out, "pooler_output", None),
    }
    if found["last_hidden_state"] is None and getattr(out, "hidden_states", None):
        found["last_hidden_state"] = out.hidden_states[-1]
    model.config.output_hidden_states = False
    reference = {f"in.{k}": v.contiguous() for k, v in inputs.items()}
    reference |= {f"out.{k}": found[k].contiguous().clone() for k in wanted}
    model.save_pretrained(folder, **({"max_shard_size": shards} if shards else {}))
    save_file(reference, folder / "reference.safetensors")
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config.pop("_name_or_path", None)
    config.pop("id2label", None)
    config.pop("label2id", None)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    print(name, {k: tuple(v.shape) for k, v in reference.items()}, sum(f.stat().st_size for f in folder.iterdir()))


def main():
    torch.manual_seed(3)
    ids = torch.randint(3, 19, (2, 6))
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    segments = torch.tensor([[0, 0, 0, 1, 1, 1]] * 2)
    small = dict(vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                 intermediate_size=12, max_position_embeddings=12)
    # The padded copy of the ids, for models that count positions by it.
    padded = ids.clone()
    padded[1, 4:] = 1
    save("bert", t.BertForSequenceClassification(t.BertConfig(**small, num_labels=3)),
         dict(input_ids=ids, attention_mask=mask, token_type_ids=segments), ["logits", "last_hidden_state"])
    save("roberta", t.RobertaForMaskedLM(t.RobertaConfig(**small, type_vocab_size=1)),
         dict(input_ids=padded, attention_mask=mask), ["logits", "last_hidden_state"])
    save("distilbert", t.DistilBertForSequenceClassification(t.DistilBertConfig(
        vocab_size=20, dim=8, n_layers=2, n_heads=2, hidden_dim=12, max_position_embeddings=12, num_labels=3)),
         dict(input_ids=ids, attention_mask=mask), ["logits", "last_hidden_state"])
    save("gpt2", t.GPT2LMHeadModel(t.GPT2Config(
        vocab_size=20, n_embd=8, n_layer=2, n_head=2, n_positions=12)),
         dict(input_ids=ids), ["logits"])
    llama = dict(small, num_key_value_heads=1)
    save("llama", t.LlamaForCausalLM(t.LlamaConfig(**llama, rope_theta=100.0, rope_scaling=dict(
        rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=8))), dict(input_ids=ids), ["logits"])
    save("mistral", t.MistralForCausalLM(t.MistralConfig(**llama, sliding_window=3, head_dim=6)),
         dict(input_ids=ids), ["logits"])
    save("qwen2", t.Qwen2ForCausalLM(t.Qwen2Config(**dict(small, num_key_value_heads=2), tie_word_embeddings=True)),
         dict(input_ids=ids), ["logits"], shards="2KB")
    save("t5", t.T5ForConditionalGeneration(t.T5Config(
        vocab_size=20, d_model=8, d_kv=3, d_ff=12, num_layers=2, num_decoder_layers=2, num_heads=2,
        relative_attention_num_buckets=6, relative_attention_max_distance=5, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False, decoder_start_token_id=0)),
         dict(input_ids=ids, attention_mask=mask, decoder_input_ids=ids[:, :4].contiguous()), ["logits"])
    image = torch.randn(2, 3, 12, 8)
    save("vit", t.ViTForImageClassification(t.ViTConfig(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
        image_size=(12, 8), patch_size=4, num_labels=3)), dict(pixel_values=image), ["logits"])
    image = torch.randn(1, 3, 16, 24)
    save("resnet", t.ResNetForImageClassification(t.ResNetConfig(
        embedding_size=4, hidden_sizes=[8, 12], depths=[2, 1], layer_type="bottleneck", num_labels=3)),
         dict(pixel_values=image), ["logits"])
    save("resnet-basic", t.ResNetForImageClassification(t.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 6], depths=[1, 2], layer_type="basic",
        downsample_in_first_stage=True, num_labels=3)),
         dict(pixel_values=image), ["logits"])


def sentences(folder):
    """Writes what the encoder in `folder` makes of three sentences, and the mean over each."""
    model = t.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    texts = ["The cat sat on the mat while it rained.", "Convolutional networks see edges first.", "Hello"]
    inputs = t.AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        out = model(**inputs)
    mask = inputs["attention_mask"].unsqueeze(-1).float()
    reference = {f"in.{k}": v.contiguous() for k, v in inputs.items()}
    reference["out.last_hidden_state"] = out.last_hidden_state
    reference["mean.sentence_embedding"] = (out.last_hidden_state * mask).sum(1) / mask.sum(1)
    save_file(reference, Path(folder) / "reference.safetensors")


if __name__ == "__main__":
    sentences(sys.argv[1]) if len(sys.argv) > 1 else main()
