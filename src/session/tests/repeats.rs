//! Repeats step from one volume to one copy to all copies, and back, and undo follows.

use bytes::Bytes;
use layout::{Layout, Node};
use session::{Command, Level, Session, Source};

/// A chain of `blocks` named blocks of convolution, batch norm and ReLU between a stem and a head.
fn chain(blocks: usize) -> Session {
    let mut layers = vec![
        r#"{"name":"image","type":"input","shape":[3,16,16]}"#.to_string(),
        r#"{"name":"stem/conv","type":"conv2d","filters":8,"kernel_size":3,"padding":"same"}"#.to_string(),
    ];
    for i in 0..blocks {
        layers.push(format!(
            r#"{{"name":"body/block.{i}/conv","type":"conv2d","filters":8,"kernel_size":3,"padding":"same"}}"#
        ));
        layers.push(format!(
            r#"{{"name":"body/block.{i}/norm","type":"batchnormalization"}}"#
        ));
        layers.push(format!(r#"{{"name":"body/block.{i}/relu","type":"relu"}}"#));
    }
    layers.push(r#"{"name":"head/flat","type":"flatten"}"#.into());
    layers.push(r#"{"name":"head/out","type":"dense","units":10}"#.into());
    let text = format!(r#"{{"layers":[{}]}}"#, layers.join(","));
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bytes {
        name: "chain.json".into(),
        bytes: Bytes::from(text),
    }));
    session.wait();
    let errors: Vec<_> = session.log.iter().filter(|l| l.0 == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    session
}

fn layout(session: &Session) -> &Layout {
    session.layout().unwrap()
}

/// Convolutions and frames that are drawn.
fn drawn(session: &Session) -> (usize, usize) {
    let convolutions = layout(session).volumes.iter().filter(|v| v.kind == "conv2d");
    (convolutions.count(), layout(session).frames.len())
}

const REPEAT: &str = "body";

#[test]
fn a_repeat_steps_through_its_states_and_undo_follows() {
    let mut session = chain(8);
    session.apply(Command::ExpandAll);
    assert_eq!(drawn(&session), (9, 0));
    session.apply(Command::Collapse(REPEAT.into()));
    assert_eq!(drawn(&session), (2, 1), "one copy, framed");
    assert_eq!(layout(&session).frames[0].label, "body x 8");
    session.apply(Command::Collapse(REPEAT.into()));
    assert_eq!(drawn(&session), (1, 0), "one volume");
    let volume = layout(&session)
        .volumes
        .iter()
        .find(|v| v.kind == "repeat")
        .unwrap();
    assert_eq!(volume.label, "body x 8");
    session.apply(Command::Expand(REPEAT.into()));
    assert_eq!(drawn(&session), (2, 1));
    session.apply(Command::Expand(REPEAT.into()));
    assert_eq!(drawn(&session), (9, 0));
    session.apply(Command::Undo);
    assert_eq!(drawn(&session), (2, 1));
    session.apply(Command::Collapse(REPEAT.into()));
    session.apply(Command::Spread(REPEAT.into()));
    assert_eq!(drawn(&session), (9, 0));
}

#[test]
fn links_lead_through_the_shown_copy() {
    let mut session = chain(8);
    session.apply(Command::ExpandAll);
    session.apply(Command::Collapse(REPEAT.into()));
    let layout = layout(&session);
    let kinds: Vec<&str> = layout.volumes.iter().map(|v| v.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "Input",
            "conv2d",
            "conv2d",
            "batchnormalization",
            "relu",
            "flatten",
            "dense",
            "Output"
        ]
    );
    let ends: Vec<(usize, usize)> = layout.links.iter().map(|l| (l.from, l.to)).collect();
    assert_eq!(ends, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]);
    // What leaves is the last copy's.
    let document = session.document.as_ref().unwrap();
    let leaving = document.network.tensor(layout.links[4].tensor);
    let last = document.network.layer_named("body/block.7/relu");
    assert_eq!(leaving.producer, last);
}

#[test]
fn a_large_network_opens_with_repeats_shown_once() {
    let session = chain(40);
    assert_eq!(drawn(&session).1, 1);
    let volumes = &layout(&session).volumes;
    assert!(volumes.len() < 10, "{}", volumes.len());
}

#[test]
fn what_is_looked_for_in_a_hidden_copy_comes_to_light() {
    let mut session = chain(40);
    let name = "body/block.33/conv";
    session.apply(Command::Select(Some(name.into())));
    let chosen = session.state.selection.unwrap();
    assert!(matches!(chosen, Node::Layer(_)));
    assert!(layout(&session).volumes.iter().any(|v| v.node == chosen));
    // Of the others only what is around it opened.
    let closed = layout(&session)
        .volumes
        .iter()
        .filter(|v| v.kind == "scope")
        .count();
    assert!(closed >= 38, "{closed}");
    session.apply(Command::CollapseAll);
    assert_eq!(session.state.selection, None);
}
