//! Training inside the session: steps, interventions, going back, what the scene shows of it.

use std::sync::Arc;

use session::learning::{Change, Data, Lesson, Optimizer, Plan};
use session::{Command, Level, Session, Source};

fn open() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session
}

fn plan() -> Plan {
    Plan {
        steps: Some(6),
        batch: 20,
        learning_rate: 0.01,
        optimizer: Optimizer::Nesterov { momentum: 0.9 },
        seed: 3,
        ..Plan::default()
    }
}

fn learn(session: &mut Session, lesson: Lesson) {
    session.apply(Command::Learn(lesson));
    session.wait();
}

fn begin(session: &mut Session) {
    let plan = Box::new(plan());
    learn(
        session,
        Lesson::Begin {
            plan,
            data: Data::Sample,
        },
    );
}

/// Goes on until the training stands still.
fn run(session: &mut Session) {
    while session.training.as_ref().is_some_and(|t| t.playing) {
        session.update(0.01);
        session.wait();
    }
}

fn errors(session: &Session) -> Vec<&String> {
    let errors = session.log.iter().filter(|(l, _)| *l == Level::Error);
    errors.map(|(_, text)| text).collect()
}

fn weights(session: &Session) -> Vec<f32> {
    let network = &session.document.as_ref().unwrap().network;
    let id = network.tensor_named("stem/conv.weight").unwrap();
    network.tensor(id).data.as_ref().unwrap().to_f32().unwrap()
}

#[test]
fn a_training_is_recorded_and_changes_what_the_scene_shows() {
    let mut session = open();
    let before = weights(&session);
    let loss = |s: &Session| s.document.as_ref().unwrap().trace.as_ref().map(Arc::as_ptr);
    let pass = loss(&session);
    begin(&mut session);
    run(&mut session);
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
    let training = session.training.as_ref().unwrap();
    assert!(
        training.done() && training.shown().steps == [6, 6],
        "{:?}",
        training.shown().steps
    );
    let run = session.histories.as_ref().unwrap().run("training 1").unwrap();
    assert_eq!(run.series["loss/train"].len(), 6);
    assert!(
        run.series.contains_key("loss/validation"),
        "{:?}",
        run.series.keys()
    );
    assert!(run.hyperparameters.contains_key("learning rate"));
    assert_ne!(
        weights(&session),
        before,
        "the weights that are shown have learned"
    );
    assert_ne!(loss(&session), pass, "and the pass is made with them");
}

#[test]
fn changes_are_marked_and_snapshots_bring_the_same_numbers_back() {
    let mut session = open();
    let before = weights(&session);
    begin(&mut session);
    learn(&mut session, Lesson::Pause);
    learn(&mut session, Lesson::Step);
    learn(&mut session, Lesson::Step);
    let losses = |s: &Session| -> Vec<f64> {
        let run = s.histories.as_ref().unwrap().run("training 1").unwrap();
        run.series["loss/train"].points().map(|p| p.value).collect()
    };
    let first = losses(&session);
    assert_eq!(first.len(), 2);
    learn(&mut session, Lesson::Back(0));
    assert_eq!(weights(&session), before);
    learn(&mut session, Lesson::Step);
    learn(&mut session, Lesson::Step);
    let all = losses(&session);
    assert_eq!(all[2..], first[..], "the same steps again");
    learn(&mut session, Lesson::Change(Change::LearningRate(0.5)));
    let run = session.histories.as_ref().unwrap().run("training 1").unwrap();
    let told: Vec<&str> = run.marks.iter().map(|m| m.text.as_str()).collect();
    assert!(
        told.iter().any(|t| t.contains("learning rate 0.01 to 0.5")),
        "{told:?}"
    );
    assert_eq!(run.series["loss/train"].restarts(), [2]);
    assert_eq!(session.training.as_ref().unwrap().shown().rate, 0.5);
    learn(&mut session, Lesson::End);
    assert!(session.training.is_none() && session.histories.is_some());
    begin(&mut session);
    assert!(session.histories.as_ref().unwrap().run("training 2").is_some());
}

#[test]
fn what_cannot_be_trained_is_told() {
    let mut session = Session::new();
    let plan = || Box::new(plan());
    learn(
        &mut session,
        Lesson::Begin {
            plan: plan(),
            data: Data::Sample,
        },
    );
    assert!(
        errors(&session)[0].contains("open a network"),
        "{:?}",
        errors(&session)
    );
    let mut session = open();
    learn(&mut session, Lesson::Go);
    assert!(
        errors(&session)[0].contains("no training"),
        "{:?}",
        errors(&session)
    );
    let data = Data::Path("no/such/folder.npz".into());
    learn(&mut session, Lesson::Begin { plan: plan(), data });
    assert!(
        errors(&session)[1].contains("folder.npz"),
        "{:?}",
        errors(&session)
    );
    // Points of the plane do not fit a network of pictures.
    let moons = data::Generated::Moons {
        count: 100,
        noise: 0.1,
    };
    let data = Data::Generated(moons);
    learn(&mut session, Lesson::Begin { plan: plan(), data });
    assert_eq!(errors(&session).len(), 3, "{:?}", errors(&session));
    assert!(session.training.is_none());
}

fn race(session: &mut Session) {
    let of = |optimizer, learning_rate| Plan {
        optimizer,
        learning_rate,
        ..plan()
    };
    let plans = vec![
        of(Optimizer::Sgd {}, 0.01),
        of(Optimizer::Nesterov { momentum: 0.9 }, 0.01),
    ];
    let data = Data::Sample;
    learn(session, Lesson::Race { plans, data });
}

#[test]
fn a_race_begins_alike_and_goes_in_step() {
    let mut session = open();
    race(&mut session);
    run(&mut session);
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
    let training = session.training.as_ref().unwrap();
    assert_eq!(training.racers.len(), 2);
    let histories = session.histories.as_ref().unwrap();
    let losses = |racer: usize| -> Vec<f64> {
        let run = histories.run(&training.racers[racer].name).unwrap();
        run.series["loss/train"].points().map(|p| p.value).collect()
    };
    let (plain, nesterov) = (losses(0), losses(1));
    assert_eq!((plain.len(), nesterov.len()), (6, 6));
    assert_eq!(plain[0], nesterov[0], "one start, one batch");
    assert_ne!(plain[5], nesterov[5]);
    let names: Vec<&str> = training.racers.iter().map(|r| r.name.as_str()).collect();
    assert!(
        names[0].starts_with("race 1/") && names[0] != names[1],
        "{names:?}"
    );
    // The second alone has the same numbers as beside the first.
    let mut alone = open();
    begin(&mut alone);
    run(&mut alone);
    let one = alone.histories.as_ref().unwrap().run("training 1").unwrap();
    let single: Vec<f64> = one.series["loss/train"].points().map(|p| p.value).collect();
    assert_eq!(single, nesterov);
    // The scene shows either.
    learn(&mut session, Lesson::Show(0));
    let first = weights(&session);
    learn(&mut session, Lesson::Show(1));
    assert_ne!(weights(&session), first);
    assert_eq!(weights(&session), weights(&alone));
    learn(&mut session, Lesson::Show(2));
    assert!(errors(&session)[0].contains("3 of 2"), "{:?}", errors(&session));
}

#[test]
fn the_timeline_shows_the_weights_of_its_step() {
    let mut session = open();
    let before = weights(&session);
    begin(&mut session);
    run(&mut session);
    let after = weights(&session);
    let scrub = |session: &mut Session, step: Option<i64>| {
        let mut board = session::Board::clone(&session.state.board);
        board.moment = step;
        session.apply(Command::Board(board.into()));
        session.update(0.01);
        session.update(0.01);
        session.wait();
    };
    scrub(&mut session, Some(0));
    assert_eq!(session.replayed(), Some(("training 1", 0)));
    assert_eq!(weights(&session), before);
    scrub(&mut session, Some(3));
    let middle = weights(&session);
    assert!(middle != before && middle != after);
    scrub(&mut session, None);
    assert_eq!((session.replayed(), weights(&session)), (None, after.clone()));
    session.apply(Command::Undo);
    session.update(0.01);
    session.wait();
    assert_eq!(weights(&session), after, "scrubbing is one step of undo");
    // The way of a weight has the same numbers.
    let racer = session.training.as_ref().unwrap().shown();
    let way = racer.path("stem/conv.weight", 4);
    assert_eq!((way[0], way[way.len() - 1]), ((0, before[4]), (6, after[4])));
    let far = racer.movers("stem/conv.weight", 3);
    let moved = |i: usize| (after[i] - before[i]).abs();
    let farthest = (0..after.len()).max_by(|&a, &b| moved(a).total_cmp(&moved(b)));
    assert_eq!((far.len(), Some(far[0])), (3, farthest));
}

#[test]
fn weights_beside_a_log_are_shown_at_their_step() {
    let folder = tempfile::tempdir().unwrap();
    let log: String = (0..10).map(|i| format!("{i},{}\n", 10 - i)).collect();
    std::fs::write(folder.path().join("log.csv"), format!("step,loss\n{log}")).unwrap();
    let mut session = open();
    let own = weights(&session);
    let kept = folder.path().join("weights");
    std::fs::create_dir(&kept).unwrap();
    let mut network = session.document.as_ref().unwrap().network.clone();
    for (step, by) in [(2, 0.0), (6, 0.5)] {
        for tensor in &mut network.tensors {
            if let Some(data) = &tensor.data
                && let Some(floats) = data.to_f32()
            {
                let scaled: Vec<f32> = floats.iter().map(|v| v * by).collect();
                tensor.data = Some(Arc::new(model::TensorData::from_f32(&data.shape, &scaled)));
            }
        }
        let path = kept.join(format!("{step}.safetensors"));
        formats::save(&network, &path).unwrap();
        network = session.document.as_ref().unwrap().network.clone();
    }
    std::fs::write(kept.join("8.safetensors"), "no weights").unwrap();
    session.apply(Command::History(Some(Source::File(folder.path().into()))));
    session.wait_for_histories();
    let mut scrub = |step: i64| {
        let mut board = session::Board::clone(&session.state.board);
        board.moment = Some(step);
        session.apply(Command::Board(board.into()));
        for _ in 0..3 {
            session.update(0.01);
            session.wait();
        }
        weights(&session)
    };
    assert_eq!(scrub(1), own, "nothing is kept so early");
    assert!(scrub(5).iter().all(|w| *w == 0.0));
    assert!(scrub(7).iter().zip(&own).all(|(w, own)| *w == 0.5 * own));
    scrub(9);
    let told = errors(&session);
    assert!(told.len() == 1 && told[0].contains("8.safetensors"), "{told:?}");
}

#[test]
fn the_loss_around_a_race_is_computed_while_training_waits() {
    use session::learning::Plane;
    let mut session = open();
    race(&mut session);
    run(&mut session);
    let look = |plane| Lesson::Explore { plane, size: 5 };
    learn(&mut session, look(Plane::Path));
    while session.training.as_ref().unwrap().exploring {
        session.update(0.01);
        session.wait();
    }
    assert!(errors(&session).is_empty(), "{:?}", errors(&session));
    let surface = session.training.as_ref().unwrap().surface.clone().unwrap();
    assert_eq!((surface.done, surface.traces.len(), surface.step), (25, 2, 6));
    assert!(surface.losses.iter().all(|l| l.is_finite()));
    let starts: Vec<_> = surface.traces.iter().map(|t| t.spots[0].at).collect();
    assert_eq!(starts[0], starts[1], "one start");
    // Six steps, a snapshot each, and the beginning.
    assert_eq!(surface.traces[0].spots.len(), 7);
    learn(&mut session, look(Plane::Random { seed: 1 }));
    learn(&mut session, Lesson::Pause);
    assert!(!session.training.as_ref().unwrap().exploring);
}
