//! Training on a graphics device against training on the processor.
//!
//! Needs a Vulkan driver; `./check` installs Mesa's software one.

use std::sync::Arc;

use compute::train::{Cadence, Loss, Moments, Optimizer, Plan, Reconstruction, Trainer};
use compute::{Device, Gpu, wait};
use model::op::Cell;
use model::{Dataset, Network};

use super::{nets, plain, step, trainer};

const STEPS: usize = 5;

fn on_device(gpu: &Gpu, network: Network, data: Dataset, plan: Plan) -> Trainer {
    let device = Device::Gpu(gpu.clone());
    Trainer::new(Arc::new(network), Arc::new(data), plan, &device).expect("they fit")
}

#[test]
fn a_graphics_device_trains_as_the_processor_does() {
    let gpu = Gpu::open().expect("a Vulkan driver");
    let adam = Optimizer::Adam(Moments::default());
    let centered = Optimizer::RmsProp {
        alpha: 0.9,
        epsilon: 1e-6,
        momentum: 0.5,
        centered: true,
    };
    let vae = Loss::Vae {
        reconstruction: Reconstruction::Binary,
        beta: 1.0,
        outputs: None,
    };
    let classes = || Loss::CrossEntropy { smoothing: 0.1 };
    // Strided convolutions beside each other, on pictures of two channels.
    let residual = model::templates::residual_cnn("residual", 2, 6, 3, 4, 5);
    let cases: Vec<(&str, Network, Dataset, Loss, Optimizer)> = vec![
        ("net", nets::net(), nets::classes(), classes(), adam),
        (
            "residual",
            residual,
            nets::classes(),
            classes(),
            Optimizer::Nesterov { momentum: 0.9 },
        ),
        (
            "vae",
            nets::vae(),
            nets::rows(),
            vae,
            Optimizer::AdamW(Moments::default()),
        ),
        (
            "gru",
            nets::forecaster(Cell::Gru),
            nets::series(),
            Loss::Mse {},
            centered,
        ),
    ];
    for (name, network, data, loss, optimizer) in cases {
        let plan = Plan {
            loss,
            optimizer,
            learning_rate: 0.01,
            weight_decay: 0.01,
            clip: compute::train::Clip::Norm(1.0),
            statistics: Cadence::Steps(4),
            ..plain()
        };
        let mut there = on_device(&gpu, network.clone(), data.clone(), plan.clone());
        let mut here = trainer(network.clone(), data.clone(), plan.clone());
        for i in 0..STEPS {
            let (a, b) = (step(&mut there), step(&mut here));
            let off = |a: f64, b: f64| (a - b).abs() / b.abs().max(1e-6);
            assert!(
                off(a.loss, b.loss) < 1e-3,
                "{name}, step {i}: {} {}",
                a.loss,
                b.loss
            );
            let norms = off(a.gradient_norm, b.gradient_norm);
            assert!(
                norms < 2e-3,
                "{name}, step {i}: {} {}",
                a.gradient_norm,
                b.gradient_norm
            );
            assert_eq!(a.records.len(), b.records.len(), "{name}");
        }
        // What was learned there goes on here.
        let kept = wait(there.checkpoint()).unwrap().unwrap();
        here.resume(&kept).unwrap();
        let (a, b) = (step(&mut there).loss, step(&mut here).loss);
        assert!((a - b).abs() / b.abs() < 1e-3, "{name}, resumed: {a} {b}");
    }
}
