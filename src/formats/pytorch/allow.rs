//! The globals that a file may name. None of them is ever called.

/// For state dicts and checkpoints: those that PyTorch's own `weights_only` reading allows, and
/// plain containers.
pub(super) fn weights(module: &str, name: &str) -> bool {
    match module {
        "torch" => {
            name.ends_with("Storage")
                || DTYPES.contains(&name)
                || matches!(name, "Size" | "device" | "Tensor")
        }
        "torch.storage" => matches!(name, "UntypedStorage" | "TypedStorage" | "_UntypedStorage"),
        "torch._utils" => matches!(
            name,
            "_rebuild_tensor"
                | "_rebuild_tensor_v2"
                | "_rebuild_tensor_v3"
                | "_rebuild_parameter"
                | "_rebuild_parameter_with_state"
                | "_rebuild_meta_tensor_no_storage"
        ),
        "torch._tensor" => name == "_rebuild_from_type_v2",
        "torch.nn.parameter" => matches!(name, "Parameter" | "Buffer"),
        "torch.serialization" => name == "_get_layout",
        "collections" => matches!(name, "OrderedDict" | "defaultdict"),
        "numpy.core.multiarray" | "numpy._core.multiarray" => matches!(name, "scalar" | "_reconstruct"),
        "numpy" => matches!(name, "dtype" | "ndarray"),
        "_codecs" => name == "encode",
        "builtins" | "__builtin__" => matches!(
            name,
            "set"
                | "frozenset"
                | "list"
                | "dict"
                | "int"
                | "float"
                | "bytes"
                | "bytearray"
                | "complex"
                | "slice"
        ),
        _ => false,
    }
}

/// For TorchScript: these, the archive's own classes, and its marks of typed lists.
pub(super) fn script(module: &str, name: &str) -> bool {
    let own = module == "__torch__" || module.starts_with("__torch__.");
    let lists = matches!(
        name,
        "build_intlist" | "build_tensorlist" | "build_doublelist" | "build_boollist" | "restore_type_tag"
    );
    own || module == "torch.jit._pickle" && lists || weights(module, name)
}

/// Element types as `torch.` names them.
const DTYPES: &[&str] = &[
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "float8_e4m3fn",
    "float8_e5m2",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "complex64",
    "complex128",
];
