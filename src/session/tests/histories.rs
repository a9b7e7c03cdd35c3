//! Training histories in the session: opened, followed while they grow, closed.

use std::io::Write;

use session::{Board, Command, Level, Session, Source};

#[test]
fn a_table_is_followed_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, "epoch,loss,val_loss\n0,1.0,1.1\n1,0.5,0.7\n").unwrap();
    let mut session = Session::new();
    session.open(Source::File(folder.path().into()));
    session.wait_for_histories();
    let loss = |s: &Session| s.histories.as_ref().unwrap().runs[0].series["loss"].len();
    assert_eq!(loss(&session), 2);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(file, "2,0.4,0.6").unwrap();
    drop(file);
    // The reader looks every half second.
    for _ in 0..200 {
        session.update(0.02);
        if loss(&session) == 3 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(loss(&session), 3);
    session.apply(Command::History(None));
    assert!(session.histories.is_none());
}

#[test]
fn what_is_no_history_is_told_and_closes_nothing() {
    let mut session = Session::new();
    session.apply(Command::History(Some(Source::File("no/such/folder".into()))));
    session.wait_for_histories();
    assert!(session.histories.is_none());
    let (level, text) = session.log.last().unwrap();
    assert!(
        *level == Level::Error && text.contains("no/such/folder"),
        "{text}"
    );
}

#[test]
fn a_drag_on_the_board_is_one_step_of_undo() {
    let mut session = Session::new();
    let set = |session: &mut Session, change: &dyn Fn(&mut Board)| {
        let mut board = Board::clone(&session.state.board);
        change(&mut board);
        session.apply(Command::Board(board.into()));
    };
    set(&mut session, &|b| b.clip = false);
    for width in [330.0, 340.0, 350.0] {
        set(&mut session, &move |b| b.width = width);
    }
    session.apply(Command::Undo);
    assert_eq!(session.state.board.width, Board::default().width);
    assert!(!session.state.board.clip);
    session.apply(Command::Undo);
    assert!(session.state.board.clip);
}

#[test]
fn the_histories_of_the_demo_are_of_its_recipes() {
    use session::histories::DEMO;
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.apply(Command::History(Some(Source::Bundled(DEMO.into()))));
    session.wait();
    session.wait_for_histories();
    session.update(0.01);
    let histories = session.histories.as_ref().unwrap();
    assert!(histories.warnings.is_empty(), "{:?}", histories.warnings);
    let recipes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/recipes");
    for run in histories.runs.iter() {
        assert!(
            recipes.join(format!("{}.toml", run.name)).exists(),
            "{}",
            run.name
        );
        let (first, last) = run.steps().unwrap();
        assert!(first <= 1 && last >= 1000, "{}: {first} to {last}", run.name);
        assert!(run.series.contains_key("loss/validation"), "{}", run.name);
    }
    // What was recorded of layers is shown on those of the demo.
    let run = histories.run("fashion-mnist").unwrap().clone();
    let names = session::dynamics::Names::of(&session.document.as_ref().unwrap().network);
    let rows = session::dynamics::rows(&run, session::dynamics::Statistic::GradientNorm, Some(&names));
    assert!(rows.len() > 20 && rows.iter().all(|r| r.layer.is_some()));
    // And the weights of a step.
    let before = session.document.as_ref().unwrap().passed;
    let board = Board {
        chosen: Some(run.name.clone()),
        moment: Some(2000),
        ..Board::default()
    };
    session.apply(Command::Board(board.into()));
    for _ in 0..3 {
        session.update(0.01);
        session.wait();
    }
    let (name, step) = session.replayed().unwrap();
    assert!(
        name == "fashion-mnist" && step > 0 && step <= 2000,
        "{name} {step}"
    );
    assert!(session.document.as_ref().unwrap().passed > before);
}
