//! What is kept from frame to frame is what would be made anew, whatever was done before.

use glam::Vec2;
use gpu::{Headless, Segment, Slot, Volume};
use layout::{Arrangement, Way};
use scene::{Display, Shown, Stage, Standing, stage};
use session::{Command, Goal, Paint, Quantity, Range, Session, Source};

const SIZE: Vec2 = Vec2::new(640.0, 360.0);

/// Numbers without order, the same each time.
struct Dice(u32);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % count
    }

    fn one<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// Any command that a hand can give.
fn command(session: &Session, dice: &mut Dice) -> Command {
    let document = session.document.as_ref().unwrap();
    let volumes = &document.layout.volumes;
    let name = document.name(volumes[dice.below(volumes.len())].node);
    let links = &document.layout.links;
    let scopes = &document.network.scopes;
    let scope = scopes.path(model::ScopeId(1 + dice.below(scopes.scopes.len() - 1) as u32));
    let quantities: Vec<Quantity> = Quantity::all().collect();
    match dice.below(21) {
        0 | 1 => Command::Select(Some(name)),
        2 => Command::Select(None),
        // A strip has none.
        3 if !links.is_empty() => {
            let link = &links[dice.below(links.len())];
            Command::Connection {
                tensor: document.network.tensor(link.tensor).name.clone(),
                from: document.name(volumes[link.from].node),
                to: document.name(volumes[link.to].node),
            }
        }
        4 => Command::Trail(dice.one(&[None, Some(Way::Upstream), Some(Way::Through)])),
        5 => Command::Collapse(scope),
        6 => Command::Expand(scope),
        7 => Command::CollapseAll,
        8 => Command::ExpandAll,
        9 => Command::Arrange(dice.one(&Arrangement::ALL)),
        10 => Command::Play,
        11 => Command::Seek(dice.below(40) as f32 / 4.0),
        12 => Command::Backward(dice.below(2) == 0),
        13 => Command::Light(dice.below(2) == 0),
        14 => Command::Paint(Paint {
            map: dice.below(4) as u32,
            magnitude: dice.below(2) == 0,
            range: dice.one(&[Range::Channel, Range::Layer, Range::Network]),
            ..session.state.paint
        }),
        15 => {
            let quantity = dice.one(&quantities);
            Command::Color(dice.one(&[None, Some(quantity)]))
        }
        16 => Command::Size(dice.one(&[None, Some(Quantity::Flops)])),
        17 => Command::Sample(dice.below(5)),
        18 => Command::Look(dice.one(&[Goal::Home, Goal::Selection])),
        19 => Command::Undo,
        _ => Command::Redo,
    }
}

fn same(a: &Standing, b: &Standing) -> bool {
    let volume = |v: &(Volume, Option<Slot>)| (bytemuck::bytes_of(&v.0).to_vec(), v.1);
    a.boxes.iter().map(volume).eq(b.boxes.iter().map(volume))
        && bytemuck::cast_slice::<Segment, u8>(&a.segments)
            == bytemuck::cast_slice::<Segment, u8>(&b.segments)
}

/// Gives `steps` commands without order, and compares after each. Tells how often something was
/// made anew, and how often not.
fn play(session: &mut Session, steps: usize, mut display: impl FnMut(&Session) -> Display) -> [usize; 2] {
    let (mut stage, mut kept) = (Stage::default(), Standing::default());
    let mut dice = Dice(7);
    let mut made = [0; 2];
    for step in 0..steps {
        let given = command(session, &mut dice);
        let told = format!("{step}: {given:?}");
        session.apply(given);
        // Sometimes what the worker does comes later.
        if dice.below(3) > 0 {
            session.wait();
        }
        // On the way to another layout, or there.
        for dt in [0.0, 0.1, dice.one(&[0.01, 1.0])] {
            session.update(dt);
            stage.update(session, dt, SIZE);
            let at = Vec2::new(dice.below(640) as f32, dice.below(360) as f32);
            stage.point(session, Some(at), SIZE);
            let display = display(session);
            made[usize::from(!kept.update(session, &stage, &display))] += 1;
            let mut anew = Standing::default();
            assert!(anew.update(session, &stage, &display));
            assert!(same(&kept, &anew), "{told}");
            assert_eq!(kept.boxes.len(), stage.layout.volumes.len(), "{told}");
        }
    }
    made
}

#[test]
fn what_is_kept_is_what_would_be_made_anew_after_any_command() {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    let headless = Headless::new().unwrap();
    let mut shown = Shown::new(&headless.device, gpu::headless::FORMAT);
    let [anew, kept] = play(&mut session, 150, |session| {
        let mut stage = Stage::default();
        stage.update(session, 0.0, SIZE);
        shown.fill(session, &stage, &headless.device, &headless.queue, (SIZE, 1.0));
        shown.display().clone()
    });
    assert!(anew > 100 && kept > 100, "{anew} {kept}");
    assert!(stage::trace(&session, session.document.as_ref().unwrap()).is_some());
}

#[test]
fn marks_of_a_comparison_come_and_go_with_it() {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session.apply(Command::Compare(Source::Bundled("fashion-mnist".into())));
    session.wait();
    play(&mut session, 40, |_| Display::default());
    let (mut stage, mut kept) = (Stage::default(), Standing::default());
    for _ in 0..2 {
        stage.update(&session, 2.0, SIZE);
        kept.update(&session, &stage, &Display::default());
        let mut anew = Standing::default();
        anew.update(&session, &stage, &Display::default());
        assert!(same(&kept, &anew));
        session.apply(Command::Part(1));
        session.wait();
    }
}

#[test]
fn neither_camera_nor_pointer_nor_playhead_nor_selection_makes_anything_anew() {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    let (mut stage, mut kept) = (Stage::default(), Standing::default());
    let display = Display::default();
    stage.update(&session, 0.0, SIZE);
    assert!(kept.update(&session, &stage, &display));
    for command in [
        Command::Seek(3.5),
        Command::Select(Some("stem/conv".into())),
        Command::Play,
        Command::Look(Goal::Selection),
        Command::Select(None),
    ] {
        session.apply(command);
        for x in [100.0, 300.0, 500.0] {
            session.update(0.1);
            stage.update(&session, 0.1, SIZE);
            stage.point(&session, Some(Vec2::new(x, 180.0)), SIZE);
            assert!(!kept.update(&session, &stage, &display));
        }
    }
    // They are told to the shader, and drawn over what stands.
    session.apply(Command::Select(Some("stem/conv".into())));
    session.apply(Command::Seek(3.0));
    stage.update(&session, 0.1, SIZE);
    let view = stage.view(&session, SIZE, 1.0);
    let selected = stage.look(&session).selected.unwrap() as u32;
    assert_eq!((view.flow[0], view.marked[0]), (3.0, selected + 1));
    let (chosen, pulses): (Vec<Segment>, Vec<Segment>) =
        stage.segments(&session).into_iter().partition(|s| s.pulse == 0.0);
    assert!(!chosen.is_empty() && !pulses.is_empty());
}
