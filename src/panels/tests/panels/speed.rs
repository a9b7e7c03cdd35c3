//! Large networks and tensors: what a frame costs, printed (`--nocapture`), and that the work of
//! a frame does not grow with them.

use std::sync::Arc;
use std::time::Instant;

use model::TensorData;
use session::Command;

use crate::states::{alone, demo, residual, settle};

/// Milliseconds of a frame, the median of some.
fn frame<T>(harness: &mut egui_kittest::Harness<T>) -> f64 {
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let begin = Instant::now();
            harness.step();
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[7]
}

#[test]
fn a_large_weight_is_counted_once() {
    let mut session = demo();
    let document = session.document.as_mut().unwrap();
    let small = {
        let mut harness = alone(demo(), panels::panel_of("inspector").unwrap(), [300.0, 700.0]);
        frame(&mut harness)
    };
    let layer = document.network.layer_named("block1/conv1").unwrap();
    let weight = document.network.layer(layer).inputs[1].unwrap();
    let values: Vec<f32> = (0..10_000_000_u64)
        .map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0)
        .collect();
    document.network.tensors[weight.0 as usize].data =
        Some(Arc::new(TensorData::from_f32(&[10_000_000], &values)));
    let begin = Instant::now();
    let mut harness = alone(session, panels::panel_of("inspector").unwrap(), [300.0, 700.0]);
    let counted = begin.elapsed().as_secs_f64() * 1e3;
    let large = frame(&mut harness);
    println!(
        "inspector: {small:.2} ms a frame; with a weight of 10 M values {large:.2} ms, counted once in {counted:.0} ms"
    );
    // Counting takes tens of milliseconds: a frame that did it would be far above this.
    assert!(large < 10.0 * small + 5.0, "{large} ms a frame beside {small}");
}

#[test]
fn ten_thousand_layers_scroll() {
    let panel = panels::panel_of("outline").unwrap();
    let small = frame(&mut alone(residual(16), panel, [260.0, 600.0]));
    let mut session = residual(2500);
    session.apply(Command::ExpandAll);
    let mut harness = alone(session, panel, [260.0, 600.0]);
    let layers = harness
        .state()
        .session
        .document
        .as_ref()
        .unwrap()
        .network
        .main()
        .layers
        .len();
    assert!(layers >= 10_000, "{layers}");
    let large = frame(&mut harness);
    println!("outline: {small:.2} ms a frame with 65 layers, {large:.2} ms with {layers}");
    assert!(large < 10.0 * small + 5.0, "{large} ms a frame beside {small}");
    settle(&mut harness);
}
