"""Makes families/: tiny random models of each architecture and what transformers computes with them.

Needs torch, transformers and safetensors. `python make_families.py`, or
`python make_families.py FOLDER` for the reference of a sentence encoder in FOLDER, or
`python make_families.py WEIGHTS.pth` for that of EfficientNet-Lite0 (with pillow and scikit-learn).
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers as t
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent / "families"


class Block(torch.nn.Module):
    """A residual block with torchvision's names: two 3 x 3 convolutions, or three around one."""

    def __init__(self, start, width, end, stride, groups=1, bottleneck=False):
        super().__init__()
        kinds = [(start, width, 1, 1), (width, width, 3, stride), (width, end, 1, 1)]
        if not bottleneck:
            kinds = [(start, end, 3, stride), (end, end, 3, 1)]
        self.count = len(kinds)
        for i, (a, b, kernel, step) in enumerate(kinds, 1):
            grouped = groups if kernel == 3 else 1
            conv = torch.nn.Conv2d(a, b, kernel, step, kernel // 2, groups=grouped, bias=False)
            setattr(self, f"conv{i}", conv)
            setattr(self, f"bn{i}", torch.nn.BatchNorm2d(b))
        self.downsample = None
        if start != end or stride != 1:
            conv = torch.nn.Conv2d(start, end, 1, stride, bias=False)
            self.downsample = torch.nn.Sequential(conv, torch.nn.BatchNorm2d(end))

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = y.relu() if i < self.count else y
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(torch.nn.Module):
    """A residual network with torchvision's names."""

    def __init__(self, blocks, width):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(4)
        for i, stage in enumerate(blocks, 1):
            setattr(self, f"layer{i}", torch.nn.Sequential(*stage))
        self.stages = len(blocks)
        self.fc = torch.nn.Linear(width, 3)

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for i in range(1, self.stages + 1):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(x.mean((2, 3)))


def same(conv, x):
    """A convolution padded as TensorFlow does: the odd element at the end."""
    pads = []
    for size, kernel, stride in zip(x.shape[:1:-1], conv.kernel_size[::-1], conv.stride[::-1]):
        whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [whole // 2, whole - whole // 2]
    return conv(torch.nn.functional.pad(x, pads))


class Inverted(torch.nn.Module):
    """A block of EfficientNet-Lite with efficientnet-pytorch's names."""

    def __init__(self, start, end, kernel, stride, expand):
        super().__init__()
        inner = start * expand
        self.skips = stride == 1 and start == end
        if expand > 1:
            self._expand_conv = torch.nn.Conv2d(start, inner, 1, bias=False)
            self._bn0 = torch.nn.BatchNorm2d(inner, eps=1e-3)
        self._depthwise_conv = torch.nn.Conv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = torch.nn.BatchNorm2d(inner, eps=1e-3)
        self._project_conv = torch.nn.Conv2d(inner, end, 1, bias=False)
        self._bn2 = torch.nn.BatchNorm2d(end, eps=1e-3)

    def forward(self, x):
        relu6, y = torch.nn.functional.relu6, x
        if hasattr(self, "_expand_conv"):
            y = relu6(self._bn0(self._expand_conv(y)))
        y = relu6(self._bn1(same(self._depthwise_conv, y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skips else y


class Lite(torch.nn.Module):
    """EfficientNet-Lite; `stages` are (blocks, kernel, channels), from 4 channels unless it is stated."""

    STRIDES = [1, 2, 2, 2, 1, 2, 1]

    def __init__(self, stages, stem, head, classes, expand):
        super().__init__()
        self._conv_stem = torch.nn.Conv2d(3, stem, 3, 2, bias=False)
        self._bn0 = torch.nn.BatchNorm2d(stem, eps=1e-3)
        blocks, width = [], stem
        for (count, kernel, end), stride in zip(stages, self.STRIDES):
            for i in range(count):
                factor = 1 if not blocks else expand
                blocks.append(Inverted(width, end, kernel, stride if i == 0 else 1, factor))
                width = end
        self._blocks = torch.nn.ModuleList(blocks)
        self._conv_head = torch.nn.Conv2d(width, head, 1, bias=False)
        self._bn1 = torch.nn.BatchNorm2d(head, eps=1e-3)
        self._fc = torch.nn.Linear(head, classes)

    def forward(self, x):
        relu6 = torch.nn.functional.relu6
        x = relu6(self._bn0(same(self._conv_stem, x)))
        for block in self._blocks:
            x = block(x)
        x = relu6(self._bn1(self._conv_head(x)))
        return self._fc(x.mean((2, 3)))


def randomise(model):
    """Values that no initialisation gives, so that none may be mistaken for another."""
    generator = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    for buffer_name, buffer in model.named_buffers():
        if buffer_name.endswith(("running_mean", "running_var")):
            buffer.data += torch.rand(buffer.shape, generator=generator)
    model.eval()


def save_names(name, model, image, called="pixel_values"):
    """Writes a state dict without a configuration, and the reference."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    randomise(model)
    # The old format is the smaller one.
    torch.save(model.state_dict(), folder / "model.pth", _use_new_zipfile_serialization=False)
    with torch.no_grad():
        save_file({f"in.{called}": image, "out.logits": model(image)}, folder / "reference.safetensors")


def save(name, model, inputs, wanted, shards=None, pickled=False):
    """Writes the model, the inputs it was given and the outputs that `wanted` names."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    randomise(model)
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
    options = {"max_shard_size": shards} if shards else {}
    model.save_pretrained(folder, safe_serialization=not pickled, **options)
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
         dict(input_ids=ids, attention_mask=mask), ["logits", "last_hidden_state"], pickled=True)
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
    save_names("torchvision-basic", ResNet([[Block(4, 4, 4, 1)], [Block(4, 6, 6, 2), Block(6, 6, 6, 1)]], 6), image)
    save_names("torchvision-grouped", ResNet([
        [Block(4, 4, 8, 1, 2, True), Block(8, 4, 8, 1, 2, True)], [Block(8, 6, 12, 2, 3, True)]], 12), image)
    # Sides that do not halve evenly show where the padding goes.
    stages = [(1, 3, 3), (2, 3, 4), (1, 5, 5), (1, 3, 6), (2, 5, 7), (1, 5, 8), (1, 3, 9)]
    save_names("efficientnet-lite", Lite(stages, 4, 10, 3, 2), torch.randn(1, 3, 19, 23), "image")


def photograph(weights):
    """Writes what EfficientNet-Lite0 with the given weights says about one of scikit-learn's photographs."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    stages = [(1, 3, 16), (2, 3, 24), (2, 5, 40), (3, 3, 80), (3, 5, 112), (4, 5, 192), (1, 3, 320)]
    model = Lite(stages, 32, 1280, 1000, 6).eval()
    model.load_state_dict(torch.load(weights, map_location="cpu"))
    picture = Image.fromarray(load_sample_image("flower.jpg")).resize((224, 224))
    image = torch.tensor(list(picture.get_flattened_data()), dtype=torch.float32).reshape(1, 224, 224, 3)
    image = ((image - 127) / 128).permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        logits = model(image)
    print("class", logits.argmax().item(), logits.softmax(1).max().item())
    save_file({"in.image": image, "out.logits": logits}, Path(weights).with_suffix(".reference.safetensors"))


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
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1].endswith(".pth"):
        photograph(sys.argv[1])
    else:
        sentences(sys.argv[1])
