//! What a training records, and what it says of numbers that are none.

use std::sync::Arc;

use compute::train::{Cadence, Every, Loss, OnProblem, Optimizer, Plan, Trainer};
use compute::{Device, wait};
use model::op::{Op, Unary};
use model::run::MarkKind;
use model::templates::Build;
use model::{Dataset, Network, Record, Run};

use super::{nets, plain, step, steps, trainer};

#[test]
fn every_layer_is_recorded() {
    let plan = Plan {
        steps: Some(20),
        statistics: Cadence::Steps(5),
        validate: Every::Steps(10),
        ..plain()
    };
    let mut trainer = trainer(nets::net(), nets::classes().split(0.2, 1), plan);
    let mut run = Run::new("test");
    let before = wait(trainer.network()).unwrap().unwrap();
    let all = steps(&mut trainer);
    all.into_iter().flat_map(|s| s.records).for_each(|r| run.take(r));
    for tag in [
        "loss/train",
        "accuracy/train",
        "learning rate",
        "gradients/norm",
        "loss/validation",
        "accuracy/validation",
    ] {
        let wanted = if tag.ends_with("validation") { 2 } else { 20 };
        assert_eq!(run.series[tag].len(), wanted, "{tag}");
    }
    let parameters = [
        "conv.weight",
        "norm.scale",
        "norm.bias",
        "linear.weight",
        "linear.bias",
    ];
    for name in parameters {
        for (what, kind) in [("weights", "norm"), ("gradients", "norm"), ("updates", "ratio")] {
            let tag = format!("{what}/{name}/{kind}");
            // The bias of the normalisation begins at zero and has no ratio then.
            let wanted = if tag == "updates/norm.bias/ratio" { 3 } else { 4 };
            assert_eq!(run.series[&tag].len(), wanted, "{tag}");
        }
        assert_eq!(run.histograms[&format!("weights/{name}")].len(), 4);
        assert_eq!(run.histograms[&format!("gradients/{name}")].len(), 4);
    }
    for layer in ["conv", "norm", "relu", "flatten", "linear"] {
        for kind in ["mean", "std", "zeros"] {
            assert_eq!(run.series[&format!("activations/{layer}/{kind}")].len(), 4);
        }
        let first = &run.histograms[&format!("activations/{layer}")][0];
        let width = if layer == "linear" { 3 } else { 144 };
        assert_eq!(first.value.count, (8 * width) as f64, "{layer}");
    }
    // The norm of all gradients is that of the single ones together.
    let norms = parameters.map(|n| run.series[&format!("gradients/{n}/norm")].get(0).unwrap().value);
    let together = norms.iter().map(|n| n * n).sum::<f64>().sqrt();
    let whole = run.series["gradients/norm"].get(0).unwrap().value;
    assert!((together / whole - 1.0).abs() < 1e-4, "{together} {whole}");
    let zeros = run.series["activations/relu/zeros"].get(0).unwrap().value;
    assert!((0.2..0.8).contains(&zeros), "{zeros}");
    // The norm of a weight is that of the values of the network.
    let id = before.tensor_named("conv.weight").unwrap();
    let values = before.tensor(id).data.as_ref().unwrap().to_f32().unwrap();
    let norm = values.iter().map(|v| f64::from(v * v)).sum::<f64>().sqrt();
    let recorded = run.series["weights/conv.weight/norm"].get(0).unwrap().value;
    assert!((norm / recorded - 1.0).abs() < 1e-5);
}

#[test]
fn looks_change_nothing() {
    let losses = |statistics| {
        let plan = Plan {
            steps: Some(15),
            statistics,
            ..plain()
        };
        let all = steps(&mut trainer(nets::net(), nets::classes(), plan));
        all.iter().map(|s| s.loss.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(losses(Cadence::Off), losses(Cadence::Steps(3)));
}

/// A network whose layer `log` takes the logarithm of negative numbers.
fn odd() -> Network {
    let mut build = Build::new("odd", 1);
    let x = build.input("image", &[2, 6, 6]);
    let x = build.flatten("flatten", x);
    let x = build.linear("first", x, 72, 4);
    let x = build.unary("log", "Log", Unary::Log, x);
    let x = build.unary("later", "Tanh", Unary::Tanh, x);
    let x = build.linear("last", x, 4, 3);
    build.finish(&[x])
}

#[test]
fn the_first_layer_that_makes_nan_is_named() {
    let mut trainer = trainer(odd(), nets::classes(), plain());
    let before = wait(trainer.checkpoint()).unwrap().unwrap();
    let stopped = step(&mut trainer);
    let problem = stopped.problem.clone().unwrap();
    assert!(
        problem.contains("the loss is NaN at step 1: layer \"log\" (Log) gave the first"),
        "{problem}"
    );
    let mark = stopped.records.iter().find_map(|r| match r {
        Record::Mark(mark) => Some(mark),
        _ => None,
    });
    assert_eq!(mark.map(|m| m.kind), Some(MarkKind::Problem));
    assert!(stopped.done && step(&mut trainer).done, "it stands still");
    assert_eq!(before, wait(trainer.checkpoint()).unwrap().unwrap());

    let skipping = Plan {
        on_problem: OnProblem::Skip,
        steps: Some(3),
        ..plain()
    };
    let all = steps(&mut super::trainer(odd(), nets::classes(), skipping));
    assert_eq!(all.iter().filter(|s| s.problem.is_some()).count(), 3);
}

#[test]
fn a_gradient_without_bounds_is_traced_to_its_layer() {
    // The root of zero is zero, and its slope infinite.
    let mut build = Build::new("root", 1);
    let x = build.input("image", &[2, 6, 6]);
    let x = build.flatten("flatten", x);
    let weight = build.constant("first.weight", &[4, 72], 0.0);
    let bias = build.constant("first.bias", &[4], 0.0);
    let x = build.gemm("first", x, weight, bias);
    let x = build.unary("root", "Sqrt", Unary::Sqrt, x);
    let x = build.linear("last", x, 4, 3);
    let mut trainer = trainer(build.finish(&[x]), nets::classes(), plain());
    let problem = step(&mut trainer).problem.unwrap();
    assert!(
        problem.contains("the gradient of layer \"root\" (Sqrt) gave the first"),
        "{problem}"
    );
}

#[test]
fn weights_that_explode_are_named() {
    let plan = Plan {
        learning_rate: 1e30,
        optimizer: Optimizer::Sgd {},
        ..plain()
    };
    let all = {
        let mut trainer = trainer(nets::net(), nets::classes(), plan);
        (0..6).map(|_| step(&mut trainer)).collect::<Vec<_>>()
    };
    let problem = all.iter().find_map(|s| s.problem.clone()).expect("they explode");
    assert!(problem.contains("step"), "{problem}");
    assert!(all.last().unwrap().done);
}

fn refused(network: Network, data: Dataset, plan: Plan) -> String {
    match Trainer::new(Arc::new(network), Arc::new(data), plan, &Device::Cpu) {
        Err(e) => e.to_string(),
        Ok(mut trainer) => wait(trainer.step()).unwrap().unwrap_err().to_string(),
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let refuse = |plan: Plan, data: Dataset| refused(nets::net(), data, plan);
    let batch = Plan { batch: 0, ..plain() };
    assert_eq!(
        refuse(batch, nets::classes()),
        "batch is 0: at least 1 is expected"
    );
    assert!(refuse(plain(), nets::values()).contains("cross-entropy wants classes"));
    let series = Dataset {
        targets: nets::classes().targets,
        ..nets::series()
    };
    assert!(refuse(plain(), series).contains("[7, 3] each"));
    let noise = Plan {
        noise: vec!["image".into()],
        ..plain()
    };
    assert!(refuse(noise, nets::classes()).contains("no free input"));
    let missing = refused(
        nets::vae(),
        Dataset {
            inputs: vec![nets::rows().inputs[0].clone()],
            ..nets::rows()
        },
        Plan {
            loss: Loss::Mse {},
            ..plain()
        },
    );
    assert!(
        missing.contains("\"noise\"") && missing.contains("no column"),
        "{missing}"
    );
    let mut wrong = nets::classes();
    if let model::Targets::Classes(column) = &mut wrong.targets {
        column.cells = model::Cells::Ints(vec![9; nets::COUNT]);
    }
    assert!(refuse(plain(), wrong).contains("class 9, but the output has 3"));

    // An operator without a gradient between the weights and the loss.
    let mut build = Build::new("cut", 1);
    let x = build.input("image", &[2, 6, 6]);
    let x = build.flatten("flatten", x);
    let x = build.linear("first", x, 72, 3);
    let hard = Op::Other {
        name: "Hardmax".into(),
        domain: String::new(),
    };
    let x = build.op("hard", "Hardmax", hard, &[x], &[]);
    let x = build.linear("last", x, 3, 3);
    let network = build.finish(&[x]);
    let cut = refused(network.clone(), nets::classes(), plain());
    assert!(
        cut.contains("layer \"hard\" (Hardmax)") && cut.contains("no gradient"),
        "{cut}"
    );
    let frozen = Plan {
        frozen: vec!["first".into()],
        ..plain()
    };
    step(&mut trainer(network, nets::classes(), frozen));
}
