//! How a number came about, asked by commands.

use session::arithmetic::{Cell, Rule};
use session::{Command, Level, Session, Source};

fn demo() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session
}

#[test]
fn a_number_is_worked_out_for_the_input_that_flows() {
    let mut session = demo();
    let cell = Cell {
        layer: "block1/conv1".into(),
        place: 30,
    };
    session.apply(Command::Cell(Some(cell.clone())));
    let worked = |session: &Session| {
        let working = session.document.as_ref().unwrap().working(&cell).unwrap();
        assert!(working.error() < 1e-5);
        working
    };
    let before = worked(&session);
    assert_eq!(before.rule, Rule::WeightedSum);
    session.apply(Command::Sample(7));
    session.wait();
    assert_ne!(worked(&session).inputs, before.inputs);
    assert_eq!(worked(&session).weights, before.weights);
    // Undo is about what the user did to the network and its input.
    session.apply(Command::Undo);
    session.wait();
    assert_eq!(session.cell, Some(cell.clone()));
    assert_eq!(worked(&session), before);
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    assert_eq!(session.cell, None);
}

#[test]
fn numbers_that_are_not_there_are_told() {
    let mut session = demo();
    for (layer, place, told) in [
        ("nowhere", 0, "there is no layer \"nowhere\""),
        ("block1/conv1", 1 << 40, "number 1099511627776 of"),
    ] {
        let layer = layer.into();
        session.apply(Command::Cell(Some(Cell { layer, place })));
        let (level, text) = session.log.last().unwrap();
        assert!(*level == Level::Error && text.contains(told), "{text}");
        assert_eq!(session.cell, None);
    }
    let mut empty = Session::new();
    let layer = "any".into();
    empty.apply(Command::Cell(Some(Cell { layer, place: 0 })));
    assert_eq!(empty.log.last().unwrap().1, "nothing is open");
}
