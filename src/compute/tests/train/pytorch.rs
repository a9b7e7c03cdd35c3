//! The same weights and batches give PyTorch's losses and learning rates for 100 steps.

use compute::train::{Clip, Every, Loss, Moments, Optimizer, Plan, Reconstruction, Schedule, Unit, Warmup};
use model::op::Cell;
use model::{Dataset, Network};

use super::{nets, plain, steps, trainer};

type Case = (&'static str, Plan, fn() -> Network, fn() -> Dataset);

fn moments(beta1: f64, beta2: f64, epsilon: f64) -> Moments {
    Moments {
        beta1,
        beta2,
        epsilon,
    }
}

fn case(name: &'static str, rate: f64, optimizer: Optimizer) -> Case {
    let plan = Plan {
        learning_rate: rate,
        optimizer,
        validate: Every::Never,
        ..plain()
    };
    (name, plan, nets::net, nets::classes)
}

fn cases() -> Vec<Case> {
    let momentum = |momentum, dampening| Optimizer::Momentum { momentum, dampening };
    let rmsprop = |alpha, epsilon, momentum, centered| Optimizer::RmsProp {
        alpha,
        epsilon,
        momentum,
        centered,
    };
    let adagrad = |lr_decay, epsilon, initial| Optimizer::Adagrad {
        lr_decay,
        epsilon,
        initial,
    };
    let sgd = || Optimizer::Sgd {};
    let adam = || Optimizer::Adam(Moments::default());
    let decayed = |mut case: Case, decay: f64| {
        case.1.weight_decay = decay;
        case
    };
    let scheduled = |name, schedule, unit, warmup| {
        let mut case = case(name, 0.05, sgd());
        (case.1.schedule, case.1.schedule_by, case.1.warmup) = (schedule, unit, warmup);
        case
    };
    let warmup = Some(Warmup {
        steps: 20,
        start: 0.1,
    });
    let cycle = |name, rise, linear, momentum_of| {
        let mut case = case(name, 0.05, momentum(0.9, 0.0));
        case.1.schedule = Schedule::OneCycle {
            length: None,
            rise,
            div_factor: 25.0,
            final_div_factor: 1e4,
            linear,
            momentum: momentum_of,
        };
        case
    };
    let judged = |name, loss, rate, optimizer, net: fn() -> Network, data: fn() -> Dataset| {
        let mut case = case(name, rate, optimizer);
        case.1.loss = loss;
        (case.2, case.3) = (net, data);
        case
    };
    let mut plateau = case("plateau", 0.4, sgd());
    plateau.1.schedule = Schedule::Plateau {
        factor: 0.5,
        patience: 1,
        threshold: 0.3,
        cooldown: 1,
        minimum: 0.0,
    };
    let clipped = |name, clip| {
        let mut case = case(name, 0.02, momentum(0.9, 0.0));
        case.1.clip = clip;
        case
    };
    let step = |every, gamma| Schedule::Step { every, gamma };
    let cosine = |length, minimum| Schedule::Cosine { length, minimum };
    let vae = Loss::Vae {
        reconstruction: Reconstruction::Binary,
        beta: 0.7,
        outputs: None,
    };
    let binary = Loss::Binary { probabilities: false };
    let smoothing = Loss::CrossEntropy { smoothing: 0.1 };
    let lstm: fn() -> Network = || nets::forecaster(Cell::Lstm);
    let gru: fn() -> Network = || nets::forecaster(Cell::Gru);
    let mse = || Loss::Mse {};
    vec![
        case("sgd", 0.05, sgd()),
        decayed(case("sgd, weight decay", 0.05, sgd()), 0.01),
        case("momentum", 0.02, momentum(0.9, 0.0)),
        decayed(case("momentum, dampening", 0.02, momentum(0.8, 0.3)), 0.01),
        decayed(
            case("nesterov", 0.02, Optimizer::Nesterov { momentum: 0.9 }),
            0.005,
        ),
        case("adam", 0.003, adam()),
        decayed(
            case(
                "adam, weight decay",
                0.003,
                Optimizer::Adam(moments(0.8, 0.99, 1e-6)),
            ),
            0.02,
        ),
        decayed(case("adamw", 0.003, Optimizer::AdamW(Moments::default())), 0.1),
        case("rmsprop", 0.001, rmsprop(0.99, 1e-8, 0.0, false)),
        decayed(
            case("rmsprop, centered", 0.001, rmsprop(0.9, 1e-4, 0.5, true)),
            0.01,
        ),
        case("adagrad", 0.02, adagrad(0.0, 1e-10, 0.0)),
        decayed(case("adagrad, decay", 0.05, adagrad(0.02, 1e-10, 0.1)), 0.01),
        scheduled("step", step(30, 0.5), Unit::Step, None),
        scheduled("step by epoch", step(6, 0.3), Unit::Epoch, None),
        scheduled("cosine", cosine(None, 0.001), Unit::Step, None),
        scheduled("warm-up", Schedule::Constant, Unit::Step, warmup),
        scheduled("warm-up, cosine", cosine(None, 0.0), Unit::Step, warmup),
        cycle("one cycle", 0.3, false, None),
        cycle("one cycle, momentum", 0.4, true, Some([0.95, 0.85])),
        plateau,
        clipped("clip norm", Clip::Norm(0.3)),
        clipped("clip value", Clip::Value(0.02)),
        judged("smoothing", smoothing, 0.05, sgd(), nets::net, nets::classes),
        judged(
            "mean squared error",
            mse(),
            0.02,
            momentum(0.9, 0.0),
            nets::net,
            nets::values,
        ),
        judged(
            "binary",
            binary,
            0.02,
            momentum(0.9, 0.0),
            nets::net,
            nets::values,
        ),
        judged("vae", vae, 0.01, adam(), nets::vae, nets::rows),
        judged("lstm", mse(), 0.01, adam(), lstm, nets::series),
        judged("gru", mse(), 0.01, adam(), gru, nets::series),
    ]
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    let list = value.as_array().expect("a list of numbers");
    list.iter().map(|v| v.as_f64().expect("a number")).collect()
}

#[test]
fn losses_and_rates_are_pytorchs() {
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("pytorch.json")).expect("it was written by pytorch.py");
    let wanted = reference["cases"].as_object().expect("cases by name");
    let cases = cases();
    let mut names: Vec<&str> = cases.iter().map(|c| c.0).collect();
    let mut known: Vec<&str> = wanted.keys().map(String::as_str).collect();
    names.sort_unstable();
    known.sort_unstable();
    assert_eq!(names, known);
    let mut wrong = Vec::new();
    for (name, plan, network, data) in cases {
        let found = steps(&mut trainer(network(), data(), plan));
        let (losses, rates) = (numbers(&wanted[name]["losses"]), numbers(&wanted[name]["rates"]));
        assert_eq!((found.len(), losses.len()), (100, 100), "{name}");
        let off = |found: f64, wanted: f64| (found - wanted).abs() / wanted.abs().max(1e-12);
        let worst = |pairs: Vec<(f64, f64)>| pairs.into_iter().map(|(f, w)| off(f, w)).fold(0.0, f64::max);
        let loss = worst(found.iter().map(|s| s.loss).zip(losses).collect());
        let rate = worst(found.iter().map(|s| s.learning_rate).zip(rates).collect());
        println!("{name}: losses {loss:.1e}, rates {rate:.1e}");
        if loss > 1e-3 || rate > 1e-5 {
            wrong.push(format!("{name}: losses {loss:.1e}, rates {rate:.1e}"));
        }
    }
    assert!(wrong.is_empty(), "relative errors:\n{}", wrong.join("\n"));
}
