"""Makes the files of weights in corpus/: tiny, one a format and variant.

Needs torch, safetensors, gguf and numpy. `python make_weights.py`
"""

from collections import OrderedDict
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Q
from safetensors.torch import save_file

HERE = Path(__file__).parent.parent / "corpus"


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.ModuleList([Block()])
        self.lstm = torch.nn.LSTM(4, 3)
        self.out = torch.nn.Linear(3, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.out(x.mean((2, 3))[:, :3])


def pytorch():
    """Both formats of torch.save, a checkpoint with an optimizer, and TorchScript."""
    torch.manual_seed(1)
    net = Net().eval()
    torch.save(net.state_dict(), HERE / "state.pt")
    torch.save(net.state_dict(), HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.jit.script(net).save(str(HERE / "script.pt"))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3, 5, 5)).sum().backward()
    optimizer.step()
    weights = {f"module.{k}": v for k, v in net.state_dict().items()}
    # Views: transposed, every second element, halves and bfloat16, one storage twice.
    base = torch.arange(24.0).reshape(4, 6)
    views = {"turned": base.t(), "thin": base[::2, 1::2], "half": base.half(), "bf16": base.bfloat16(),
             "ints": torch.arange(3), "flags": torch.tensor([True, False]), "scalar": torch.tensor(2.5),
             "parameter": torch.nn.Parameter(base[1])}
    torch.save({"epoch": 3, "model": weights, "optimizer": optimizer.state_dict(), "loss": 0.5}, HERE / "checkpoint.pt")
    torch.save(OrderedDict(views), HERE / "views.pt")


def safetensors():
    """Every element type."""
    base = torch.arange(6.0).reshape(2, 3)
    kinds = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16,
             "f8_e4m3": torch.float8_e4m3fn, "f8_e5m2": torch.float8_e5m2, "i64": torch.int64, "i32": torch.int32,
             "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool}
    tensors = {f"layers.{i}.{name}": base.to(kind) for i, (name, kind) in enumerate(kinds.items())}
    save_file(tensors | {"empty": torch.zeros(0, 3)}, HERE / "typed.safetensors", {"made by": "make_weights.py"})


def numpy():
    """Arrays in both orders of elements and of bytes."""
    base = np.arange(6, dtype=np.float32).reshape(2, 3)
    arrays = {"layer.plain": base, "layer.fortran": np.asfortranarray(base), "layer.big": base.astype(">f4"),
              "layer.ints": base.astype(np.int16), "scalar": np.float64(2.5)}
    np.savez(HERE / "arrays.npz", **arrays)
    np.savez_compressed(HERE / "packed.npz", **arrays)
    np.save(HERE / "array.npy", np.asfortranarray(base))


def quantised():
    """Every kind of block, each beside what gguf makes of it."""
    random = np.random.default_rng(5)
    writer = gguf.GGUFWriter(HERE / "blocks.gguf", "demo")
    writer.add_name("blocks")
    writer.add_uint32("demo.block_count", 1)
    writer.add_array("demo.list", [1, 2, 3])
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    kinds = [Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0, Q.Q2_K, Q.Q3_K, Q.Q4_K, Q.Q5_K, Q.Q6_K]
    # Where each kind keeps its float16 numbers, so that random bytes hold no infinity there.
    halves = {Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q2_K: [80, 82],
              Q.Q3_K: [108], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208]}
    for kind in kinds:
        count, size = gguf.GGML_QUANT_SIZES[kind]
        rows = 2 if count == 32 else 1
        raw = random.integers(0, 256, (rows, size), dtype=np.uint8)
        for at in halves[kind]:
            scale = random.uniform(0.01, 0.1, (rows, 1)).astype(np.float16)
            raw[:, at : at + 2] = scale.view(np.uint8)
        name = f"blk.0.{kind.name.lower()}.weight"
        writer.add_tensor(name, raw, raw_dtype=kind)
        writer.add_tensor(f"reference.{name}", gguf.dequantize(raw, kind))
    writer.add_tensor("half.weight", np.arange(3, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    pytorch()
    safetensors()
    numpy()
    quantised()
