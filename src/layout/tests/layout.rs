//! Known networks.

mod build;

use std::collections::BTreeMap;

use build::invariants::check;
use build::*;
use layout::{Arrangement, Form, Layout, LayoutRequest, Node, Way, layout};
use model::{Network, Op, ScopeId, TensorId};

const ROOT: ScopeId = ScopeId(0);

fn checked(network: &Network, request: &LayoutRequest) -> Layout {
    let l = layout(network, request);
    assert_eq!(check(&l), Ok(()));
    l
}

fn labels(l: &Layout) -> Vec<&str> {
    l.volumes.iter().map(|v| v.label.as_str()).collect()
}

#[test]
fn an_empty_network_is_an_empty_layout() {
    assert_eq!(
        layout(&Network::default(), &LayoutRequest::default()),
        Layout::default()
    );
}

#[test]
fn a_chain_is_straight() {
    let mut b = Builder::new();
    let x = b.input("x", map());
    let y = b.layer(conv(), "Conv", &[x], map(), ROOT);
    let z = b.layer(relu(), "Relu", &[y], map(), ROOT);
    b.output(z);
    let l = checked(&b.network, &LayoutRequest::default());
    assert_eq!(labels(&l), ["x", "Conv_0", "Relu_1", "Relu_1"]);
    assert!(l.volumes.iter().all(|v| v.center.y == 0.0 && v.center.z == 0.0));
    assert_eq!(l.volumes.iter().map(|v| v.rank).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(l.links.iter().all(|k| !k.skip && k.path.len() == 2));
    assert_eq!(l.volumes[3].node, Node::Output(z));
    assert_eq!(l.volumes[1].tensor, Some(y));
}

#[test]
fn the_branches_of_a_diamond_stand_apart() {
    let mut b = Builder::new();
    let x = b.input("x", map());
    let left = b.layer(relu(), "Relu", &[x], map(), ROOT);
    let right = b.layer(relu(), "Relu", &[x], map(), ROOT);
    let sum = b.layer(add(), "Add", &[left, right], map(), ROOT);
    b.output(sum);
    let l = checked(&b.network, &LayoutRequest::default());
    let (a, c) = (&l.volumes[1], &l.volumes[2]);
    assert_eq!((a.rank, c.rank), (1, 1));
    assert_eq!(a.center.x, c.center.x);
    assert!(a.center.y == 0.0 && c.center.y != 0.0);
    assert!(l.links.iter().all(|k| !k.skip));
}

#[test]
fn paths_lead_to_a_volume_and_from_it() {
    let mut b = Builder::new();
    let x = b.input("x", map());
    let left = b.layer(relu(), "Left", &[x], map(), ROOT);
    let right = b.layer(relu(), "Right", &[x], map(), ROOT);
    let far = b.layer(relu(), "Far", &[right], map(), ROOT);
    let sum = b.layer(add(), "Add", &[left, far], map(), ROOT);
    b.output(sum);
    let l = checked(&b.network, &LayoutRequest::default());
    let at = l.volumes.iter().position(|v| v.kind == "Right").unwrap();
    let lit = |way| {
        let reached = l.reached(at, way);
        let lit = l.volumes.iter().zip(reached).filter(|(_, lit)| *lit);
        lit.map(|(v, _)| v.kind.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(lit(Way::Upstream), ["Input", "Right"]);
    assert_eq!(lit(Way::Downstream), ["Right", "Far", "Add", "Output"]);
    assert_eq!(lit(Way::Through), ["Input", "Right", "Far", "Add", "Output"]);
}

#[test]
fn a_residual_link_arcs_above_its_block() {
    let mut b = Builder::new();
    let x = b.input("x", map());
    let y = b.layer(conv(), "Conv", &[x], map(), ROOT);
    let y = b.layer(relu(), "Relu", &[y], map(), ROOT);
    let y = b.layer(conv(), "Conv", &[y], map(), ROOT);
    let sum = b.layer(add(), "Add", &[y, x], map(), ROOT);
    b.output(sum);
    let l = checked(&b.network, &LayoutRequest::default());
    assert!(l.volumes.iter().all(|v| v.center.y == 0.0));
    let skips: Vec<_> = l.links.iter().filter(|k| k.skip).collect();
    assert_eq!(skips.len(), 1);
    assert_eq!((skips[0].from, skips[0].tensor), (0, x));
    let top = skips[0].path.iter().map(|p| p.y).fold(0.0, f32::max);
    assert!(top > l.volumes[2].max().y);
}

#[test]
fn a_collapsed_scope_is_one_volume() {
    let mut b = Builder::new();
    let block = b.network.scopes.add(ROOT, "block", "residual block");
    let inner = b.network.scopes.add(block, "inner", "");
    let x = b.input("x", map());
    let y = b.layer(conv(), "Conv", &[x], map(), inner);
    let y = b.layer(relu(), "Relu", &[y], map(), inner);
    let sum = b.layer(add(), "Add", &[y, x], fixed(&[1, 32, 14, 14]), block);
    let z = b.layer(relu(), "Relu", &[sum], map(), ROOT);
    b.output(z);
    for (scope, want) in [
        (block, vec!["x", "block", "Relu_3", "Relu_3"]),
        (inner, vec!["x", "inner", "Add_2", "Relu_3", "Relu_3"]),
    ] {
        let request = LayoutRequest {
            collapsed: [scope].into(),
            ..LayoutRequest::default()
        };
        let l = checked(&b.network, &request);
        assert_eq!(labels(&l), want);
        assert_eq!(l.volumes[1].node, Node::Scope(scope));
    }
    // The outer scope wins.
    let request = LayoutRequest {
        collapsed: [inner, block].into(),
        ..LayoutRequest::default()
    };
    let l = checked(&b.network, &request);
    assert_eq!(
        (l.volumes[1].kind.as_str(), l.volumes[1].tensor),
        ("residual block", Some(sum))
    );
    assert_eq!(l.volumes[1].cells.counts, [14, 14, 32]);
}

#[test]
fn an_interrupted_scope_has_a_volume_for_each_stretch() {
    let mut b = Builder::new();
    let shared = b.network.scopes.add(ROOT, "relu", "");
    let whole = b.network.scopes.add(ROOT, "head", "");
    let mut x = b.input("x", map());
    for _ in 0..3 {
        x = b.layer(conv(), "Conv", &[x], map(), ROOT);
        x = b.layer(relu(), "Relu", &[x], map(), shared);
    }
    x = b.layer(conv(), "Conv", &[x], map(), whole);
    x = b.layer(conv(), "Conv", &[x], map(), whole);
    b.output(x);
    let request = LayoutRequest {
        collapsed: [shared, whole].into(),
        ..LayoutRequest::default()
    };
    let l = checked(&b.network, &request);
    let count = |s| l.volumes.iter().filter(|v| v.node == Node::Scope(s)).count();
    assert_eq!((count(shared), count(whole)), (3, 1));
    assert_eq!(l.volumes.len(), 9);
}

#[test]
fn hidden_layers_are_bridged() {
    let mut b = Builder::new();
    let x = b.input("x", map());
    let weight = b.layer(relu(), "Weight", &[], map(), ROOT);
    let shape = b.layer(
        Op::Shape { start: 0, end: None },
        "Shape",
        &[x],
        fixed(&[4]),
        ROOT,
    );
    let index = b.layer(Op::Gather { axis: 0 }, "Gather", &[shape], fixed(&[1]), ROOT);
    let kept = b.layer(Op::Identity, "Identity", &[x], map(), ROOT);
    let y = b.layer(relu(), "Relu", &[kept, weight], map(), ROOT);
    let op = Op::Reshape {
        shape: None,
        allow_zero: false,
    };
    let z = b.layer(op, "Reshape", &[y, index], map(), ROOT);
    b.output(z);
    let all = LayoutRequest {
        show_constants: true,
        ..Default::default()
    };
    assert_eq!(checked(&b.network, &all).volumes.len(), 8);
    assert_eq!(checked(&b.network, &Default::default()).volumes.len(), 7);
    let few = LayoutRequest {
        hide_trivial: true,
        ..Default::default()
    };
    let l = checked(&b.network, &few);
    assert_eq!(labels(&l), ["x", "Relu_4", "Reshape_5", "Reshape_5"]);
    let ends: Vec<_> = l.links.iter().map(|k| (k.from, k.to, k.tensor)).collect();
    assert_eq!(ends, [(0, 1, x), (1, 2, y), (2, 3, z)]);
}

#[test]
fn the_trunk_of_a_residual_network_is_straight() {
    let network = resnet(300);
    let l = checked(&network, &LayoutRequest::default());
    let off = l.volumes.iter().filter(|v| v.center.y != 0.0).count();
    // Only the two layers of each projection shortcut leave it.
    let short = l.volumes.iter().filter(|v| v.kind == "Conv").count();
    assert!(off > 0 && off < short / 3, "{off} of {short}");
    let all = network.scopes.scopes.len() as u32;
    let collapsed = (1..all).map(ScopeId).collect();
    let l = checked(
        &network,
        &LayoutRequest {
            collapsed,
            ..Default::default()
        },
    );
    assert_eq!(l.volumes.len() as u32, all + 1);
}

/// A bar's square is its share of the work.
#[test]
fn the_bars_of_a_strip_are_as_high_as_their_work() {
    let network = model::templates::residual_cnn("t", 1, 28, 10, 16, 1);
    let bindings = model::cost::default_bindings(&network);
    let cost = model::cost(&network, &bindings);
    let request = LayoutRequest {
        bindings,
        arrangement: Arrangement::Strip,
        ..Default::default()
    };
    let l = checked(&network, &request);
    assert!(l.links.is_empty());
    let flops = |v: &layout::Volume| match v.node {
        Node::Layer(id) => cost.layers[id.0 as usize].flops.unwrap() as f64,
        _ => 0.0,
    };
    let most = l.volumes.iter().map(flops).fold(0.0, f64::max);
    assert!(most > 0.0);
    for v in &l.volumes {
        let share = ((v.size.y as f64 - 0.3) / 2.4).powi(2);
        assert!((share - flops(v) / most).abs() < 1e-4, "{}", v.label);
    }
    let bases: Vec<f32> = l.volumes.iter().map(|v| v.min().y).collect();
    assert!(bases.iter().all(|y| (y - bases[0]).abs() < 1e-4 || *y < bases[0]));
}

#[test]
fn forms_follow_the_axes() {
    let cells = |dims: &[u64]| layout::cells(&fixed(dims), &BTreeMap::new());
    let of = |dims: &[u64]| (cells(dims).form, cells(dims).counts, cells(dims).strides);
    assert_eq!(of(&[2, 3, 4, 5]), (Form::FeatureMap, [5, 4, 3], [1, 5, 20]));
    assert_eq!(of(&[1, 10]), (Form::Vector, [1, 10, 1], [0, 1, 0]));
    assert_eq!(of(&[1, 1000]), (Form::Vector, [1, 128, 8], [0, 1, 128]));
    assert_eq!(of(&[1, 2048, 1, 1]), (Form::Vector, [1, 128, 16], [0, 1, 128]));
    assert_eq!(of(&[1, 77, 768]), (Form::Tokens, [1, 768, 77], [0, 1, 768]));
    assert_eq!(of(&[30, 40]), (Form::Matrix, [40, 30, 1], [1, 40, 0]));
    assert_eq!(of(&[]), (Form::Scalar, [1, 1, 1], [0, 0, 0]));
    assert_eq!(of(&[1, 2, 3, 4, 5]).1, [5, 4, 6]);
    let spec = open(&[None, Some(3), None, None]);
    let c = layout::cells(&spec, &BTreeMap::new());
    assert_eq!((c.form, c.concrete), (Form::FeatureMap, false));
    assert!(cells(&[2, 3, 4, 5]).concrete);
    let c = layout::cells(&model::TensorSpec::unknown(), &BTreeMap::new());
    assert_eq!((c.form, c.concrete), (Form::Unknown, false));
}

/// A network and a deeper one beside it: what corresponds stands in one column, the bands keep
/// apart, and the trunks are straight.
#[test]
fn networks_beside_each_other_are_aligned() {
    let shallow = model::templates::residual_cnn("a", 1, 28, 10, 8, 1);
    let deep = {
        let mut b = Builder::new();
        let mut at = b.input("x", map());
        for i in 0..9 {
            at = b.layer(
                if i % 2 == 0 { conv() } else { relu() },
                "Layer",
                &[at],
                map(),
                ROOT,
            );
        }
        b.output(at);
        b.network
    };
    let short = {
        let mut b = Builder::new();
        let mut at = b.input("x", map());
        for i in [0, 1, 8] {
            at = b.layer(
                if i % 2 == 0 { conv() } else { relu() },
                "Layer",
                &[at],
                map(),
                ROOT,
            );
        }
        b.output(at);
        b.network
    };
    let all = model::beside(&[("deep".into(), &deep), ("short".into(), &short)]);
    let [a, b] = &all.members[..] else { panic!() };
    let pairs = [(0, 0), (1, 1), (8, 2)];
    let matched: Vec<_> = pairs
        .iter()
        .map(|&(x, y)| (a.layer(model::LayerId(x)), b.layer(model::LayerId(y))))
        .collect();
    let l = checked(
        &all,
        &LayoutRequest {
            matched: matched.clone(),
            ..LayoutRequest::default()
        },
    );
    let at = |node| l.volumes.iter().find(|v| v.node == node).unwrap();
    for (x, y) in matched {
        assert_eq!(at(Node::Layer(x)).rank, at(Node::Layer(y)).rank);
        assert_eq!(at(Node::Layer(x)).center.x, at(Node::Layer(y)).center.x);
    }
    assert_eq!(
        at(Node::Output(a.outputs[0])).rank,
        at(Node::Output(b.outputs[0])).rank
    );
    // Two straight lines of volumes and links, well apart.
    let mut heights: Vec<f32> = l.volumes.iter().map(|v| v.center.y).collect();
    heights.dedup();
    heights.sort_by(f32::total_cmp);
    heights.dedup();
    assert_eq!(heights.len(), 2, "{heights:?}");
    assert!(heights[1] - heights[0] > at(Node::Layer(a.layer(model::LayerId(0)))).size.y + 1.0);
    assert!(l.links.iter().all(|k| k.path.len() == 2));
    // Unequal networks, collapsed and in every arrangement.
    let all = model::beside(&[
        ("a".into(), &shallow),
        ("deep".into(), &deep),
        ("a".into(), &shallow),
    ]);
    let [a, _, c] = &all.members[..] else { panic!() };
    let own = (0..shallow.layers.len() as u32).map(model::LayerId);
    let matched: Vec<_> = own.map(|x| (a.layer(x), c.layer(x))).collect();
    for arrangement in Arrangement::ALL {
        for collapsed in [vec![], all.scopes.get(a.scope()).children.clone()] {
            let request = LayoutRequest {
                collapsed: collapsed.into_iter().collect(),
                matched: matched.clone(),
                fold: true,
                arrangement,
                ..LayoutRequest::default()
            };
            let l = layout(&all, &request);
            assert_eq!(check(&l), Ok(()), "{arrangement:?}");
        }
    }
}

/// Four copies of two layers each, which all read a mask, each with a result of its own.
#[test]
fn a_repeat_shown_once_hides_its_other_copies() {
    let mut b = Builder::new();
    let x = b.input("x", map());
    let mask = b.input("mask", map());
    let group = b.network.scopes.add(ROOT, "layers", "repeat");
    let (mut y, mut ends) = (x, Vec::new());
    for i in 0..4 {
        let copy = b.network.scopes.add(group, &format!("{i}"), "");
        let state = b.input(&format!("state{i}"), map());
        y = b.layer(add(), "Add", &[y, mask, state], map(), copy);
        y = b.layer(relu(), "Relu", &[y], map(), copy);
        ends.push(y);
    }
    let after = b.layer(conv(), "Conv", &[y], map(), ROOT);
    b.output(after);
    ends.iter().for_each(|&e| b.output(e));
    let mut request = LayoutRequest {
        once: [group].into(),
        ..LayoutRequest::default()
    };
    let l = checked(&b.network, &request);
    // Inputs and results of hidden copies are hidden with them.
    let mut names = labels(&l);
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "Add_0", "Conv_8", "Conv_8", "Relu_1", "Relu_1", "mask", "state0", "x"
        ]
    );
    let at = |name: &str| l.volumes.iter().position(|v| v.label == name).unwrap();
    let from = |i: usize| l.links.iter().filter(move |k| k.from == i).map(|k| k.tensor);
    assert_eq!(
        from(at("mask")).collect::<Vec<_>>(),
        [mask],
        "read by all copies, drawn once"
    );
    let mut leaving: Vec<TensorId> = from(at("Relu_1")).collect();
    leaving.sort_unstable();
    assert_eq!(
        leaving,
        [ends[0], ends[3]],
        "to its result, and from the last copy on"
    );
    assert_eq!((l.frames.len(), l.frames[0].label.as_str()), (1, "layers x 4"));
    for v in &l.volumes {
        let inside = v.min().cmpge(l.frames[0].min).all() && v.max().cmple(l.frames[0].max).all();
        assert_eq!(
            inside,
            matches!(v.label.as_str(), "Add_0" | "Relu_1") && v.kind != "Output"
        );
    }
    // Closed, it is one volume without a frame.
    request.collapsed = [group].into();
    let l = checked(&b.network, &request);
    assert!(l.frames.is_empty() && l.volumes.iter().any(|v| v.label == "layers x 4"));
}
