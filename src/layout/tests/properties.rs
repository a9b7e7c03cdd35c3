//! Properties over random networks.

mod build;

use std::collections::BTreeMap;

use build::invariants::check;
use build::*;
use layout::{Arrangement, Layout, LayoutRequest, Node, layout};
use model::{Network, Op, Role, ScopeId, TensorId};
use proptest::prelude::*;

const ROOT: ScopeId = ScopeId(0);

/// What a random network is made of: layers with their operator, inputs, shape and scope.
type Recipe = (Vec<(u8, Vec<usize>, u8, u8)>, Vec<u8>, Vec<u8>, (bool, bool));

fn recipes() -> impl Strategy<Value = Recipe> {
    let one = (
        0u8..8,
        prop::collection::vec(0usize..24, 0..4),
        any::<u8>(),
        0u8..6,
    );
    (
        prop::collection::vec(one, 1..60),
        prop::collection::vec(0u8..5, 5),
        prop::collection::vec(0u8..6, 0..3),
        any::<(bool, bool)>(),
    )
}

fn shape(of: u8) -> model::TensorSpec {
    match of % 10 {
        0 => fixed(&[1, 3, 224, 224]),
        1 => fixed(&[1, 512, 7, 7]),
        2 => fixed(&[1, 1000]),
        3 => fixed(&[1, 77, 768]),
        4 => fixed(&[]),
        5 => model::TensorSpec::unknown(),
        6 => open(&[None, Some(64), None, None]),
        7 => fixed(&[1, 8, 4, 16, 16]),
        8 => fixed(&[30, 40]),
        _ => fixed(&[1, 2048, 1, 1]),
    }
}

/// The network of `recipe`: inputs are counted backwards from the layer, over two fed tensors.
fn random(recipe: &Recipe) -> (Network, LayoutRequest) {
    let mut b = Builder::new();
    for (i, parent) in recipe.1.iter().enumerate() {
        let parent = ScopeId(u32::from(*parent) % (i as u32 + 1));
        b.network.scopes.add(parent, &format!("s{i}"), "");
    }
    let mut tensors = vec![b.input("a", map()), b.input("b", fixed(&[1, 10]))];
    for (op, inputs, of, scope) in &recipe.0 {
        let n = tensors.len();
        let from: Vec<TensorId> = inputs
            .iter()
            .map(|&back| tensors[n - 1 - back.min(n - 1)])
            .collect();
        let op = match op {
            0 => Op::Identity,
            1 => Op::Shape { start: 0, end: None },
            2 => add(),
            _ => relu(),
        };
        tensors.push(b.layer(op, "L", &from, shape(*of), ScopeId(u32::from(*scope))));
    }
    b.output(tensors[tensors.len() - 1]);
    b.output(tensors[tensors.len() / 2]);
    let request = LayoutRequest {
        collapsed: recipe.2.iter().map(|&s| ScopeId(u32::from(s))).collect(),
        once: Default::default(),
        bindings: BTreeMap::new(),
        show_constants: recipe.3.0,
        hide_trivial: recipe.3.1,
        fold: false,
        arrangement: Arrangement::Volumes,
        matched: Vec::new(),
        // Some are sized by amounts, the least and the greatest among them.
        amounts: recipe.0.len().is_multiple_of(3).then(|| {
            let layers = (0..b.network.layers.len() as u32).map(model::LayerId);
            layers
                .map(|l| (Node::Layer(l), u64::from(l.0 * 7919 % 1000)))
                .collect()
        }),
    };
    (b.network, request)
}

/// Blocks of a long network: branches, their lengths and shapes, and whether a skip passes them.
fn blocks() -> impl Strategy<Value = Vec<(Vec<u8>, u8, bool)>> {
    let one = (prop::collection::vec(1u8..5, 1..4), any::<u8>(), any::<bool>());
    prop::collection::vec(one, 8..40)
}

/// Blocks one after another, joined by a single link, each its own scope.
fn chained(blocks: &[(Vec<u8>, u8, bool)]) -> Network {
    let mut b = Builder::new();
    let mut x = b.input("x", map());
    for (i, (branches, of, skip)) in blocks.iter().enumerate() {
        let scope = b.network.scopes.add(ROOT, &format!("block{i}"), "");
        let mut ends = Vec::new();
        for &depth in branches {
            let mut y = x;
            for _ in 0..depth {
                y = b.layer(conv(), "Conv", &[y], shape(*of), scope);
            }
            ends.push(y);
        }
        ends.extend(skip.then_some(x));
        let sum = b.layer(add(), "Add", &ends, shape(of.wrapping_add(1)), scope);
        x = b.layer(relu(), "Relu", &[sum], shape(of.wrapping_add(1)), scope);
    }
    b.output(x);
    b.network
}

/// Enough columns for several rows, so that the property above tests what it says.
#[test]
fn a_long_network_folds_into_several_rows() {
    let blocks: Vec<_> = (0..60u8).map(|i| (vec![2, 1 + i % 3], 0, i % 2 == 0)).collect();
    let request = LayoutRequest {
        fold: true,
        ..Default::default()
    };
    let l = layout(&chained(&blocks), &request);
    assert_eq!(check(&l), Ok(()));
    let back = l
        .links
        .iter()
        .filter(|k| k.path.windows(2).any(|p| p[1].x < p[0].x));
    assert!(back.count() >= 2);
}

/// Two long branches are never crossed by one link alone: rows break both, side by side.
#[test]
fn parallel_branches_fold_and_their_links_keep_apart() {
    let request = LayoutRequest {
        fold: true,
        ..Default::default()
    };
    let l = layout(&chained(&[(vec![90, 80, 70], 0, true)]), &request);
    assert_eq!(check(&l), Ok(()));
    let back = |p: &[glam::Vec3]| p[1].x < p[0].x;
    let mut heights: Vec<f32> = l
        .links
        .iter()
        .flat_map(|k| k.path.windows(2).filter(|p| back(p)).map(|p| p[0].y))
        .collect();
    assert!(heights.len() >= 8, "{}", heights.len());
    heights.sort_by(f32::total_cmp);
    assert!(heights.windows(2).all(|h| h[1] - h[0] > 0.1), "{heights:?}");
    let extent = l.bounds.1 - l.bounds.0;
    assert!(extent.x / extent.y < 4.0, "{extent}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_networks_keep_the_invariants(recipe in recipes()) {
        let (network, mut request) = random(&recipe);
        let l = layout(&network, &request);
        prop_assert_eq!(check(&l), Ok(()));
        prop_assert_eq!(&l, &layout(&network, &request.clone()));
        let wanted = request.collapsed.clone();
        for scope in 0..network.scopes.scopes.len() as u32 {
            request.collapsed = wanted.clone();
            request.collapsed.insert(ScopeId(scope));
            prop_assert_eq!(check(&layout(&network, &request)), Ok(()), "scope {}", scope);
        }
        request.collapsed = wanted;
        request.fold = true;
        prop_assert_eq!(check(&layout(&network, &request)), Ok(()), "folded");
        let nodes = |l: &Layout| l.volumes.iter().map(|v| (v.node, v.rank)).collect::<Vec<_>>();
        for arrangement in Arrangement::ALL {
            request.arrangement = arrangement;
            let other = layout(&network, &request);
            prop_assert_eq!(check(&other), Ok(()), "{:?}", arrangement);
            prop_assert_eq!(nodes(&other), nodes(&l));
        }
    }

    #[test]
    fn long_networks_keep_the_invariants_in_rows(blocks in blocks(), seed in any::<u64>()) {
        let network = chained(&blocks);
        let mut request = LayoutRequest { fold: true, hide_trivial: true, ..Default::default() };
        let l = layout(&network, &request);
        prop_assert_eq!(check(&l), Ok(()));
        // Some blocks as one volume, and all but one.
        let scopes = 1..network.scopes.scopes.len() as u32;
        request.collapsed = scopes.clone().filter(|s| seed >> (s % 64) & 1 == 1).map(ScopeId).collect();
        prop_assert_eq!(check(&layout(&network, &request)), Ok(()));
        request.collapsed = scopes.skip(1).map(ScopeId).collect();
        prop_assert_eq!(check(&layout(&network, &request)), Ok(()));
    }

    #[test]
    fn every_shown_layer_stands_once(recipe in recipes()) {
        let (network, mut request) = random(&recipe);
        request.collapsed.clear();
        request.show_constants = true;
        request.hide_trivial = false;
        let l = layout(&network, &request);
        prop_assert_eq!(l.volumes.len(), network.layers.len() + 2 + network.main().outputs.iter().collect::<std::collections::HashSet<_>>().len());
        let mut nodes: Vec<Node> = l.volumes.iter().map(|v| v.node).collect();
        nodes.sort();
        nodes.dedup();
        prop_assert_eq!(nodes.len(), l.volumes.len());
    }

    #[test]
    fn more_cells_are_never_smaller(
        a in prop::collection::vec(2u64..5000, 1..5),
        more in prop::collection::vec(0u64..5000, 4),
    ) {
        let shape = |dims: Vec<u64>| {
            let mut spec = fixed(&[&[1][..], &dims].concat());
            spec.axes.as_mut().unwrap()[0].role = Role::Batch;
            layout::cells(&spec, &BTreeMap::new())
        };
        let small = shape(a.clone());
        let large = shape(a.iter().zip(&more).map(|(a, m)| a + m).collect());
        prop_assert_eq!(small.form, large.form);
        prop_assert!(layout::size(&small).cmple(layout::size(&large)).all());
    }

    #[test]
    fn cells_reach_every_element_once(a in prop::collection::vec(1u64..6, 0..6)) {
        let mut spec = fixed(&[&[3][..], &a].concat());
        spec.axes.as_mut().unwrap()[0].role = Role::Batch;
        let c = layout::cells(&spec, &BTreeMap::new());
        let mut seen = vec![0; a.iter().product::<u64>() as usize];
        for (i, j, k) in (0..c.counts[0]).flat_map(|i| (0..c.counts[1]).flat_map(move |j| (0..c.counts[2]).map(move |k| (i, j, k)))) {
            let at = i * c.strides[0] + j * c.strides[1] + k * c.strides[2];
            seen[at as usize] += 1;
        }
        prop_assert!(seen.iter().all(|&n| n == 1), "{:?}", c);
    }
}
