//! Tables of points from Parquet and from TensorBoard's projector.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use data::Points;

/// The file that a projector's folder has.
const CONFIG: &str = "projector_config.pbtxt";

/// A file of two groups of rows; each gives a vector, a label and a name.
fn file(lengths: [usize; 4]) -> Vec<u8> {
    let schema = "message t {
        optional group vector (LIST) { repeated group list { optional float element; } }
        required int64 label;
        optional binary word (UTF8);
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let settings = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, settings).unwrap();
    for half in 0..2 {
        let rows = 2 * half..2 * half + 2;
        let mut group = writer.next_row_group().unwrap();
        let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.clone() {
            for k in 0..lengths[row] {
                values.push((10 * row + k) as f32);
                defined.push(3);
                repeated.push(i16::from(k > 0));
            }
            if lengths[row] == 0 {
                defined.push(0);
                repeated.push(0);
            }
        }
        let mut column = group.next_column().unwrap().unwrap();
        let typed = column.typed::<FloatType>();
        typed
            .write_batch(&values, Some(&defined), Some(&repeated))
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let labels: Vec<i64> = rows.clone().map(|r| r as i64 % 2).collect();
        column
            .typed::<Int64Type>()
            .write_batch(&labels, None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let words = [ByteArray::from(format!("word {half}").as_str())];
        column
            .typed::<ByteArrayType>()
            .write_batch(&words, Some(&[1, 0]), None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn a_list_a_row_is_a_point() {
    let found = Points::from_bytes("v.parquet", &file([3; 4])).unwrap();
    assert_eq!((found.len(), found.width), (4, 3));
    assert_eq!(found.values[3..9], [10.0, 11.0, 12.0, 20.0, 21.0, 22.0]);
    assert_eq!(
        (found.labels, found.classes),
        (vec![0, 1, 0, 1], vec!["0".to_string(), "1".into()])
    );
    assert_eq!(found.names, ["word 0", "", "word 1", ""]);
    assert_eq!(found.columns[2], "vector 2");
}

#[test]
fn columns_of_numbers_are_dimensions() {
    // Written by pandas 2 and by polars.
    for (name, bytes) in [
        (
            "pandas.parquet",
            &include_bytes!("../../runs/tests/samples/parquet/pandas.parquet")[..],
        ),
        (
            "polars.parquet",
            &include_bytes!("../../runs/tests/samples/parquet/polars.parquet")[..],
        ),
    ] {
        let found = Points::from_bytes(name, bytes).unwrap();
        assert!(found.width >= 2 && found.columns.len() == found.width, "{name}");
        assert!(
            found.columns.iter().any(|c| c.contains("loss")),
            "{name} {:?}",
            found.columns
        );
    }
}

#[test]
fn what_is_no_table_is_told() {
    let told = |bytes: &[u8]| Points::from_bytes("v.parquet", bytes).unwrap_err().to_string();
    let uneven = told(&file([3, 3, 2, 3]));
    assert!(
        uneven.contains("row 2, column \"vector\"") && uneven.contains("3 in each row"),
        "{uneven}"
    );
    let empty = told(&file([0, 3, 3, 3]));
    assert!(
        empty.contains("row 0") && empty.contains("a list of 0 numbers"),
        "{empty}"
    );
    let whole = file([3; 4]);
    for bytes in [&b"PAR1"[..], b"", &whole[..whole.len() / 2]] {
        assert!(told(bytes).starts_with("v.parquet: Parquet"), "{}", told(bytes));
    }
    // Damage anywhere gives an error or a table, and never ends the program.
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let _ = Points::from_bytes("v.parquet", &damaged);
    }
}

#[test]
fn a_sprite_gives_each_point_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("tensors.tsv"), "1\t2\n3\t4\n5\t6\n").unwrap();
    std::fs::write(at("meta.tsv"), "cat\ndog\nmat\n").unwrap();
    // Two pictures of 4 x 2 in a row, one below: each is of one grey.
    let sprite = image::GrayImage::from_fn(8, 4, |x, y| image::Luma([(10 * (x / 4) + 100 * (y / 2)) as u8]));
    sprite.save(at("sprite.png")).unwrap();
    let config = |sprite: &str| {
        let text = format!(
            "embeddings {{ tensor_path: \"tensors.tsv\" metadata_path: \"meta.tsv\" sprite {{ {sprite} }} }}"
        );
        std::fs::write(at(CONFIG), text).unwrap();
    };
    config("image_path: \"sprite.png\" single_image_dim: 4 single_image_dim: 2");
    for opened in ["tensors.tsv", CONFIG] {
        let found = Points::read(&at(opened)).unwrap();
        assert_eq!(
            (found.len(), &found.names[..]),
            (3, &["cat", "dog", "mat"].map(String::from)[..])
        );
        let sprites = found.sprites.unwrap();
        let greys: Vec<u8> = (0..3).map(|i| sprites.sample(i)[0]).collect();
        assert_eq!((sprites.len(), sprites.width, sprites.height), (3, 4, 2));
        assert_eq!(greys, [0, 10, 100]);
        assert!((0..3).all(|i| sprites.sample(i).iter().all(|v| *v == greys[i])));
    }
    for (sprite, wanted) in [
        (
            "image_path: \"sprite.png\" single_image_dim: 8",
            "the width and the height",
        ),
        (
            "image_path: \"sprite.png\" single_image_dim: 8 single_image_dim: 4",
            "3, one a point",
        ),
        (
            "image_path: \"sprite.png\" single_image_dim: 0 single_image_dim: 4",
            "3, one a point",
        ),
        (
            "image_path: \"none.png\" single_image_dim: 4 single_image_dim: 2",
            "none.png",
        ),
    ] {
        config(sprite);
        let told = Points::read(&at("tensors.tsv")).unwrap_err().to_string();
        assert!(told.contains(wanted), "{told}");
    }
}
