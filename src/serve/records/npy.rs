//! NumPy's file format for one array: a head of text, then the elements as they lie in memory.
//!
//! The format: numpy.org, "NEP 1" and `numpy.lib.format`, versions 1 to 3. Little-endian elements in
//! row-major order are taken, which is what `numpy.save` writes of a contiguous array.

use bytes::Bytes;
use model::{DType, TensorData};

use super::array::{elements, raw};
use crate::limits::Limits;
use crate::refusal::Refusal;

/// The array in `file`, whose bytes it shares.
pub(crate) fn parse(file: &Bytes, limits: &Limits) -> Result<TensorData, Refusal> {
    let wrong = |why: &str| Refusal::wrong(format!("npy: {why}"));
    let after = file
        .strip_prefix(b"\x93NUMPY")
        .ok_or_else(|| wrong("\\x93NUMPY is expected first"))?;
    let length = |n: usize| -> Option<(usize, usize)> {
        let bytes = after.get(2..2 + n)?;
        let length = bytes.iter().rev().fold(0usize, |sum, &b| sum << 8 | b as usize);
        Some((8 + n, length))
    };
    let lead = match after.first() {
        Some(1) => length(2),
        Some(2 | 3) => length(4),
        _ => return Err(wrong("format version 1, 2 or 3 is expected")),
    };
    let (start, length) = lead.ok_or_else(|| wrong("it ends in its head"))?;
    let end = start.checked_add(length).filter(|_| length < 1 << 16);
    let head = end.and_then(|end| file.get(start..end));
    let head = head.ok_or_else(|| wrong("it ends in its head"))?;
    let head = std::str::from_utf8(head).map_err(|_| wrong("its head is no text"))?;
    let (descr, fortran, shape) = entries(head).ok_or_else(|| {
        wrong("a head like {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } is expected")
    })?;
    let dtype = dtype(descr).ok_or_else(|| {
        Refusal::wrong(format!(
            "npy: numbers or truth values, little-endian, are expected, not {descr:?}"
        ))
    })?;
    if fortran && shape.iter().filter(|&&n| n > 1).count() > 1 {
        return Err(wrong(
            "row-major order is expected: numpy.ascontiguousarray makes it",
        ));
    }
    let count = elements(&shape, limits)?;
    raw(dtype, shape, count, file.slice(start + length..))
}

fn dtype(descr: &str) -> Option<DType> {
    Some(match descr {
        "<f8" => DType::F64,
        "<f4" => DType::F32,
        "<f2" => DType::F16,
        "<i8" => DType::I64,
        "<i4" => DType::I32,
        "<i2" => DType::I16,
        "|i1" | "<i1" => DType::I8,
        "<u8" => DType::U64,
        "<u4" => DType::U32,
        "<u2" => DType::U16,
        "|u1" | "<u1" => DType::U8,
        "|b1" | "<b1" => DType::Bool,
        _ => return None,
    })
}

/// Type, order and shape of the Python dictionary in `head`.
fn entries(head: &str) -> Option<(&str, bool, Vec<u64>)> {
    let inside = head.trim().strip_prefix('{')?.strip_suffix('}')?;
    let after = |key: &str| {
        let key = format!("'{key}':");
        let (_, rest) = inside.split_once(&key)?;
        Some(rest.trim_start())
    };
    let (descr, _) = after("descr")?.strip_prefix('\'')?.split_once('\'')?;
    let order = after("fortran_order")?;
    let fortran = match () {
        () if order.starts_with("True") => true,
        () if order.starts_with("False") => false,
        () => return None,
    };
    let (shape, _) = after("shape")?.strip_prefix('(')?.split_once(')')?;
    let sizes = shape.split(',').map(str::trim).filter(|s| !s.is_empty());
    let shape = sizes.map(|s| s.parse().ok()).collect::<Option<Vec<u64>>>()?;
    Some((descr, fortran, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(head: &str, data: &[u8]) -> Bytes {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((head.len() as u16).to_le_bytes());
        file.extend(head.as_bytes());
        file.extend(data);
        file.into()
    }

    #[test]
    fn arrays_and_scalars_are_read_and_wrong_files_named() {
        let limits = Limits::default();
        let values: Vec<u8> = [1f32, 2., 3., 4.].iter().flat_map(|v| v.to_le_bytes()).collect();
        let good = file(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }  \n",
            &values,
        );
        let tensor = parse(&good, &limits).unwrap();
        assert_eq!(
            (tensor.shape.clone(), tensor.to_f32()),
            (vec![2, 2], Some(vec![1., 2., 3., 4.]))
        );
        let scalar = file(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
            &values[..4],
        );
        assert_eq!(parse(&scalar, &limits).unwrap().shape, Vec::<u64>::new());
        let row = file(
            "{'descr': '<f4', 'fortran_order': True, 'shape': (4,), }",
            &values,
        );
        assert_eq!(parse(&row, &limits).unwrap().len(), 4);
        let cases = [
            (
                "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }",
                16,
                "little-endian",
            ),
            (
                "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }",
                16,
                "numbers",
            ),
            (
                "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }",
                16,
                "row-major",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }",
                15,
                "16 bytes",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 2), }",
                16,
                "head like",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }",
                16,
                "elements",
            ),
            ("nonsense", 0, "head like"),
        ];
        for (head, bytes, why) in cases {
            let refusal = parse(&file(head, &values[..bytes]), &limits).unwrap_err();
            assert!(refusal.why.contains(why), "{head}: {}", refusal.why);
        }
        for cut in 0..good.len() {
            assert!(parse(&good.slice(..cut), &limits).is_err(), "cut at {cut}");
        }
    }
}
