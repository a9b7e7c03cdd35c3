//! FlatBuffers, read field by field: every offset is checked where it is followed, and nothing is
//! allocated for what a table claims.

use crate::error::Fault;

/// A table in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    /// Where the table stands.
    place: usize,
    /// Its list of field offsets, without the two sizes before it.
    fields: &'a [u8],
}

/// A list of elements of one size.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    bytes: &'a [u8],
    /// Where the first element stands.
    place: usize,
    pub(super) len: usize,
}

fn outside(place: usize, what: &str) -> Fault {
    Fault::new(
        format!("byte {place}"),
        format!("expected {what}, found the end of the file"),
    )
}

fn at<const N: usize>(bytes: &[u8], place: usize, what: &str) -> Result<[u8; N], Fault> {
    let end = place.checked_add(N).ok_or_else(|| outside(place, what))?;
    let found = bytes.get(place..end).and_then(|b| b.try_into().ok());
    found.ok_or_else(|| outside(place, what))
}

/// The place that the offset at `place` leads to.
fn follow(bytes: &[u8], place: usize) -> Result<usize, Fault> {
    let offset = u32::from_le_bytes(at(bytes, place, "an offset")?) as usize;
    place
        .checked_add(offset)
        .filter(|&p| p < bytes.len())
        .ok_or_else(|| outside(place, "what the offset leads to"))
}

impl<'a> Table<'a> {
    /// The buffer's root.
    pub(super) fn root(bytes: &'a [u8]) -> Result<Self, Fault> {
        Table::read(bytes, follow(bytes, 0)?)
    }

    fn read(bytes: &'a [u8], place: usize) -> Result<Self, Fault> {
        let back = i64::from(i32::from_le_bytes(at(bytes, place, "a table")?));
        let start = usize::try_from(place as i64 - back).map_err(|_| outside(place, "a list of fields"))?;
        let size = usize::from(u16::from_le_bytes(at(bytes, start, "a list of fields")?));
        let fields = start
            .checked_add(4)
            .zip(start.checked_add(size))
            .and_then(|(a, b)| bytes.get(a..b.max(a)));
        let fields = fields.ok_or_else(|| outside(start, "a list of fields"))?;
        Ok(Table { bytes, place, fields })
    }

    /// Where field `field` stands, if it is there.
    fn field(&self, field: usize) -> Option<usize> {
        let offset: [u8; 2] = self.fields.get(2 * field..2 * field + 2)?.try_into().ok()?;
        match u16::from_le_bytes(offset) {
            0 => None,
            offset => self.place.checked_add(usize::from(offset)),
        }
    }

    pub(super) fn byte(&self, field: usize) -> Result<u8, Fault> {
        self.field(field)
            .map_or(Ok(0), |p| Ok(at::<1>(self.bytes, p, "a byte")?[0]))
    }

    pub(super) fn int(&self, field: usize, default: i32) -> Result<i32, Fault> {
        self.field(field).map_or(Ok(default), |p| {
            Ok(i32::from_le_bytes(at(self.bytes, p, "a number")?))
        })
    }

    pub(super) fn long(&self, field: usize) -> Result<u64, Fault> {
        self.field(field)
            .map_or(Ok(0), |p| Ok(u64::from_le_bytes(at(self.bytes, p, "a number")?)))
    }

    pub(super) fn float(&self, field: usize, default: f32) -> Result<f32, Fault> {
        self.field(field).map_or(Ok(default), |p| {
            Ok(f32::from_le_bytes(at(self.bytes, p, "a number")?))
        })
    }

    /// The table that field `field` leads to.
    pub(super) fn table(&self, field: usize) -> Result<Option<Table<'a>>, Fault> {
        let Some(place) = self.field(field) else {
            return Ok(None);
        };
        Table::read(self.bytes, follow(self.bytes, place)?).map(Some)
    }

    /// The list that field `field` leads to, of elements of `width` bytes.
    fn list(&self, field: usize, width: usize) -> Result<List<'a>, Fault> {
        let empty = List {
            bytes: self.bytes,
            place: 0,
            len: 0,
        };
        let Some(place) = self.field(field) else {
            return Ok(empty);
        };
        let place = follow(self.bytes, place)?;
        let len = u32::from_le_bytes(at(self.bytes, place, "a length")?) as usize;
        let end = len
            .checked_mul(width)
            .and_then(|n| n.checked_add(place)?.checked_add(4));
        match end {
            Some(end) if end <= self.bytes.len() => Ok(List {
                len,
                place: place + 4,
                ..empty
            }),
            _ => Err(outside(place, &format!("{len} elements of {width} bytes"))),
        }
    }

    /// The bytes that field `field` leads to, as places in the buffer.
    pub(super) fn data(&self, field: usize) -> Result<std::ops::Range<usize>, Fault> {
        let list = self.list(field, 1)?;
        Ok(list.place..list.place + list.len)
    }

    pub(super) fn text(&self, field: usize) -> Result<String, Fault> {
        let range = self.data(field)?;
        Ok(String::from_utf8_lossy(&self.bytes[range]).into_owned())
    }

    pub(super) fn ints(&self, field: usize) -> Result<Vec<i32>, Fault> {
        let list = self.list(field, 4)?;
        (0..list.len)
            .map(|i| {
                Ok(i32::from_le_bytes(at(
                    self.bytes,
                    list.place + 4 * i,
                    "a number",
                )?))
            })
            .collect()
    }

    /// Up to eight numbers of 32 bits out of a list of bytes.
    pub(super) fn words(&self, field: usize) -> Result<Vec<i32>, Fault> {
        let range = self.data(field)?;
        let words = self.bytes[range].chunks_exact(4).take(8);
        Ok(words
            .map(|w| i32::from_le_bytes([w[0], w[1], w[2], w[3]]))
            .collect())
    }

    /// Numbers of 16 bits.
    pub(super) fn shorts(&self, field: usize) -> Result<Vec<i32>, Fault> {
        let list = self.list(field, 2)?;
        let one = |i| {
            Ok(i32::from(u16::from_le_bytes(at(
                self.bytes,
                list.place + 2 * i,
                "a number",
            )?)))
        };
        (0..list.len).map(one).collect()
    }

    /// Numbers of 8 bits.
    pub(super) fn small(&self, field: usize) -> Result<Vec<i32>, Fault> {
        let range = self.data(field)?;
        Ok(self.bytes[range].iter().map(|&b| i32::from(b)).collect())
    }

    pub(super) fn longs(&self, field: usize) -> Result<Vec<i64>, Fault> {
        let list = self.list(field, 8)?;
        (0..list.len)
            .map(|i| {
                Ok(i64::from_le_bytes(at(
                    self.bytes,
                    list.place + 8 * i,
                    "a number",
                )?))
            })
            .collect()
    }

    pub(super) fn floats(&self, field: usize) -> Result<Vec<f32>, Fault> {
        let list = self.list(field, 4)?;
        (0..list.len)
            .map(|i| {
                Ok(f32::from_le_bytes(at(
                    self.bytes,
                    list.place + 4 * i,
                    "a number",
                )?))
            })
            .collect()
    }

    /// A list of tables.
    pub(super) fn tables(&self, field: usize) -> Result<List<'a>, Fault> {
        self.list(field, 4)
    }
}

impl<'a> List<'a> {
    /// Table number `i`.
    pub(super) fn get(&self, i: usize) -> Result<Option<Table<'a>>, Fault> {
        match i < self.len {
            true => Table::read(self.bytes, follow(self.bytes, self.place + 4 * i)?).map(Some),
            false => Ok(None),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Result<Table<'a>, Fault>> + use<'a> {
        let list = *self;
        (0..list.len).map(move |i| Table::read(list.bytes, follow(list.bytes, list.place + 4 * i)?))
    }
}
