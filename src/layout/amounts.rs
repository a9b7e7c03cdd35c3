//! Boxes as large as an amount: parameters, work, time, whatever is asked for.

use std::collections::BTreeMap;

use glam::Vec3;

use crate::arrangement::THICKNESS;
use crate::{Arrangement, Cells, Node, size};

/// Edge of a cube of the least and of the greatest amount, scene units.
const CUBE: [f32; 2] = [0.6, 4.2];
/// Edge of a plate of the least and of the greatest amount, scene units.
const PLATE: [f32; 2] = [0.5, 2.4];
/// Scale of a block of the least and of the greatest amount: less would not hold its words.
const BLOCK: [f32; 2] = [0.75, 1.9];

/// Free room beside a sized volume, share of its depth.
pub(crate) const ROOM: f32 = 0.4;

/// Each node's share of the greatest amount among them; what is not known has none.
pub(crate) fn shares(nodes: impl Iterator<Item = Node> + Clone, amounts: &BTreeMap<Node, u64>) -> Vec<f32> {
    let of = |node: Node| amounts.get(&node).copied().unwrap_or(0) as f64;
    let most = nodes.clone().map(of).fold(1.0, f64::max);
    nodes.map(|n| (of(n) / most) as f32).collect()
}

/// Size of the box of `cells` with this share of the greatest amount, scene units. What the amount
/// fills grows evenly from the least readable size on: the space of a volume, whose form still
/// tells its shape, or the face of a flat box. The strip gives its bars their height later.
pub(crate) fn sized(arrangement: Arrangement, cells: &Cells, share: f32) -> Vec3 {
    let between = |[low, high]: [f32; 2], t: f32| low + (high - low) * t;
    match arrangement {
        Arrangement::Volumes => {
            // Long boxes less long: their length would cross the whole picture.
            let form = size(cells).map(f32::sqrt);
            let edge = between(CUBE, share.cbrt());
            form * (edge / (form.x * form.y * form.z).cbrt())
        }
        Arrangement::Nodes => {
            let edge = between(PLATE, share.sqrt());
            Vec3::new(edge, edge, THICKNESS)
        }
        Arrangement::Blocks => {
            let scale = between(BLOCK, share.sqrt());
            Vec3::new(3.6 * scale, 1.5 * scale, THICKNESS)
        }
        Arrangement::Strip => crate::arrangement::size(arrangement, cells),
    }
}

#[cfg(test)]
mod tests {
    use model::{DType, LayerId, TensorSpec};

    use super::*;

    #[test]
    fn more_is_larger_in_every_arrangement() {
        let shapes: [&[u64]; 3] = [&[1, 64, 56, 56], &[1, 1000], &[1]];
        let cells = shapes.map(|s| crate::cells(&TensorSpec::fixed(DType::F32, s), &Default::default()));
        for arrangement in [Arrangement::Volumes, Arrangement::Nodes, Arrangement::Blocks] {
            let mut last = 0.0;
            // Whatever the shapes: the greater amount has the larger box.
            for (i, share) in [0.0, 0.001, 0.1, 0.4, 0.9, 1.0].into_iter().enumerate() {
                let size = sized(arrangement, &cells[i % 3], share);
                let whole = size.x * size.y * size.z;
                assert!(whole > last, "{arrangement:?} {share}");
                assert!(size.max_element() < 15.0 && size.x.min(size.y) > 0.1, "{size}");
                last = whole;
            }
        }
    }

    #[test]
    fn shares_are_of_the_greatest_that_is_shown() {
        let node = |i| Node::Layer(LayerId(i));
        let amounts = BTreeMap::from([(node(0), 50), (node(1), 200), (node(2), 1_000_000)]);
        let shown = [node(0), node(1), node(7)];
        assert_eq!(shares(shown.into_iter(), &amounts), [0.25, 1.0, 0.0]);
        assert_eq!(shares(shown.into_iter(), &BTreeMap::new()), [0.0; 3]);
    }
}
