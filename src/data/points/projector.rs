//! A TensorBoard projector: `projector_config.pbtxt` names the tensor, its metadata and a sprite, one picture
//! of all points' pictures.

use std::path::{Path, PathBuf};

use super::{MAX_BYTES, Points};
use crate::Images;
use crate::error::{DataError, read_file};
use crate::image::Picture;

/// The file that a projector's folder has.
pub(super) const CONFIG: &str = "projector_config.pbtxt";

/// One `embeddings { ... }` of a configuration.
#[derive(Debug, Default, PartialEq)]
struct Embedding {
    tensor: String,
    metadata: String,
    sprite: String,
    /// Width and height of one picture, pixels.
    single: Vec<usize>,
}

/// Words of protobuf's text format, as far as a configuration needs them: names, strings, numbers, braces.
fn words(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            '{' | '}' | '[' | ']' | '<' | '>' => all.push(c.to_string()),
            '"' | '\'' => {
                let mut word = String::from('"');
                while let Some(next) = rest.next().filter(|n| *n != c) {
                    match next {
                        '\\' => word.extend(rest.next()),
                        next => word.push(next),
                    }
                }
                all.push(word);
            }
            c if c.is_alphanumeric() || "_-.".contains(c) => {
                let mut word = String::from(c);
                while let Some(next) = rest.next_if(|n| n.is_alphanumeric() || "_-.".contains(*n)) {
                    word.push(next);
                }
                all.push(word);
            }
            // Colons, commas, semicolons and space part words.
            _ => (),
        }
    }
    all
}

fn parse(text: &str) -> Vec<Embedding> {
    let mut all: Vec<Embedding> = Vec::new();
    let words = words(text);
    let mut depth = 0usize;
    for (i, word) in words.iter().enumerate() {
        match word.as_str() {
            "{" | "<" => {
                if depth == 0 && i > 0 && words[i - 1] == "embeddings" {
                    all.push(Embedding::default());
                }
                depth += 1;
            }
            "}" | ">" => depth = depth.saturating_sub(1),
            _ => (),
        }
        let Some(now) = all.last_mut().filter(|_| depth > 0) else {
            continue;
        };
        let text = || {
            words
                .get(i + 1)
                .and_then(|w| w.strip_prefix('"'))
                .map(String::from)
        };
        match word.as_str() {
            "tensor_path" => now.tensor = text().unwrap_or_default(),
            "metadata_path" => now.metadata = text().unwrap_or_default(),
            "image_path" => now.sprite = text().unwrap_or_default(),
            "single_image_dim" => {
                let numbers = words[i + 1..].iter().skip_while(|w| *w == "[");
                let numbers = numbers.map_while(|w| w.parse::<usize>().ok());
                now.single.extend(numbers);
            }
            _ => (),
        }
    }
    all
}

/// The configuration in `path`'s folder that names `path` as its tensor, or `path` itself.
pub(super) fn read(path: &Path) -> Result<Points, DataError> {
    let file = path.display().to_string();
    let bytes = read_file(path, 1 << 20)?;
    let found = parse(&String::from_utf8_lossy(&bytes));
    let with = found.iter().find(|e| !e.tensor.is_empty());
    let with = with.ok_or_else(|| {
        DataError::malformed(
            &file,
            "embeddings",
            format!("{} without tensor_path", found.len()),
            "embeddings { tensor_path: \"...tsv\" }",
        )
    })?;
    let mut points = Points::of_file(&beside(path, &with.tensor))?;
    points.take(path, with)?;
    Ok(points)
}

/// A path of a configuration: relative to its folder.
fn beside(config: &Path, path: &str) -> PathBuf {
    config
        .parent()
        .map_or_else(|| path.into(), |folder| folder.join(path))
}

/// What the configuration in the folder of `tensor` says of it, where there is one.
pub(super) fn describe(points: &mut Points, tensor: &Path) -> Result<bool, DataError> {
    let config = tensor.with_file_name(CONFIG);
    if !config.is_file() {
        return Ok(false);
    }
    let bytes = read_file(&config, 1 << 20)?;
    let found = parse(&String::from_utf8_lossy(&bytes));
    let same = |e: &&Embedding| Path::new(&e.tensor).file_name() == tensor.file_name();
    match found.iter().find(same) {
        Some(with) => points.take(&config, with).map(|()| true),
        None => Ok(false),
    }
}

impl Points {
    fn take(&mut self, config: &Path, with: &Embedding) -> Result<(), DataError> {
        if !with.metadata.is_empty() {
            let path = beside(config, &with.metadata);
            let bytes = read_file(&path, MAX_BYTES)?;
            self.take_metadata(&path.display().to_string(), &bytes)?;
        }
        if !with.sprite.is_empty() {
            let path = beside(config, &with.sprite);
            let picture = Picture::open(&path)?;
            let file = path.display().to_string();
            let [width, height] = with.single[..] else {
                return Err(DataError::malformed(
                    &config.display().to_string(),
                    "sprite",
                    format!("single_image_dim of {} numbers", with.single.len()),
                    "the width and the height of one picture",
                ));
            };
            self.sprites = Some(cut(&file, &picture, [width, height], self.len())?);
        }
        Ok(())
    }
}

/// The pictures of a sprite, row by row from the top left.
fn cut(file: &str, sprite: &Picture, [width, height]: [usize; 2], count: usize) -> Result<Images, DataError> {
    let (columns, rows) = (
        sprite.width.checked_div(width).unwrap_or(0),
        sprite.height.checked_div(height).unwrap_or(0),
    );
    if columns * rows < count || columns * rows == 0 {
        return Err(DataError::malformed(
            file,
            "sprite",
            format!(
                "{} x {} pixels, which are {} pictures of {width} x {height}",
                sprite.width,
                sprite.height,
                columns * rows
            ),
            format!("{count}, one a point"),
        ));
    }
    let mut pixels = Vec::with_capacity(count * sprite.channels * width * height);
    for i in 0..count {
        let (left, top) = (i % columns * width, i / columns * height);
        for channel in 0..sprite.channels {
            for y in top..top + height {
                let first = (channel * sprite.height + y) * sprite.width + left;
                pixels.extend_from_slice(&sprite.pixels[first..first + width]);
            }
        }
    }
    Images {
        name: "sprite".into(),
        width,
        height,
        channels: sprite.channels,
        pixels,
        labels: vec![0; count],
        classes: vec!["point".into()],
    }
    .checked(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read() {
        let text = r#"
            # Written by a summary writer.
            embeddings {
              tensor_name: "fc2"
              tensor_path: "00001/default/tensors.tsv"
              metadata_path: "00001/default/metadata.tsv"
              sprite { image_path: "00001/sprite.png" single_image_dim: 28 single_image_dim: 14 }
            }
            embeddings { tensor_path: 'b.tsv' sprite < image_path: "b.png" single_image_dim: [3, 4] > }
        "#;
        let found = parse(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].tensor, "00001/default/tensors.tsv");
        assert_eq!(
            (found[0].sprite.as_str(), &found[0].single[..]),
            ("00001/sprite.png", &[28, 14][..])
        );
        assert_eq!(
            (found[1].tensor.as_str(), &found[1].single[..]),
            ("b.tsv", &[3, 4][..])
        );
        assert_eq!(parse("nonsense } { \" ").len(), 0);
    }
}
