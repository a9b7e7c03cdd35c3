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
    assert!(training.done && training.steps == [6, 6], "{:?}", training.steps);
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
    assert_eq!(session.training.as_ref().unwrap().rate, 0.5);
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
