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

#[test]
fn a_million_points_cost_a_frame_what_few_do() {
    use session::Source;
    use session::cloud::{Origin, Projection, Wanted};
    let times = |count: usize| {
        let mut state = 1u32;
        let values: Vec<f32> = (0..3 * count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 24) as f32
            })
            .collect();
        let table = TensorData::from_f32(&[count as u64, 3], &values);
        let bytes = data::npz::to_bytes([("table", &table)]).unwrap().into();
        let name = "table.npz".into();
        let mut wanted = Wanted::new(Origin::File(Source::Bytes { name, bytes }));
        wanted.projection = Projection::Axes;
        let mut session = session::Session::new();
        session.apply(Command::Project(Some(wanted)));
        session.wait_for_cloud();
        let panel = panels::panel_of("embedding").unwrap();
        let mut harness = alone(session, panel, [1280.0, 720.0]);
        harness.state_mut().memory.of::<panels::Handed>().drawn = true;
        settle(&mut harness);
        let rest = frame(&mut harness);
        // The pointer looks for a point in every frame; the cells are made in the first.
        harness.hover_at(egui::pos2(500.0, 380.0));
        let step = |_| {
            let begin = Instant::now();
            harness.step();
            begin.elapsed().as_secs_f64() * 1e3
        };
        let first = (0..4).map(step).fold(0.0, f64::max);
        settle(&mut harness);
        (rest, first, frame(&mut harness))
    };
    let (few, many) = (times(1000), times(1_000_000));
    println!(
        "points: {:.2} ms a frame of 1,000, {:.2} of a million; with the pointer on them {:.2} and {:.2}, the first {:.0} and {:.0}",
        few.0, many.0, few.2, many.2, few.1, many.1
    );
    assert!(many.0 < 10.0 * few.0 + 5.0, "{few:?} {many:?}");
    assert!(many.2 < 10.0 * few.2 + 15.0, "{few:?} {many:?}");
}
