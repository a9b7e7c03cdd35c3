//! Logs of trainings that come with the program (`models/logs`, made by `models/recipes`).

use bytes::Bytes;

/// Names them as a source.
pub const DEMO: &str = "trainings of the built-in recipes";

/// A file of `models/logs` under its name.
macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../models/logs/", $name)))
    };
}

/// What the page has too: it should stay small.
const SMALL: &[(&str, &[u8])] = &[
    file!("fashion-mnist/events.out.tfevents.0"),
    file!("fashion-mnist-plain/events.out.tfevents.0"),
];

/// What the program has besides.
#[cfg(not(target_arch = "wasm32"))]
const REST: &[(&str, &[u8])] = &[
    file!("cifar-10/events.out.tfevents.0"),
    file!("cifar-10-plain/events.out.tfevents.0"),
    file!("fashion-mnist/weights/0.safetensors"),
    file!("fashion-mnist/weights/1050.safetensors"),
    file!("fashion-mnist/weights/1540.safetensors"),
    file!("fashion-mnist/weights/2030.safetensors"),
    file!("fashion-mnist/weights/2450.safetensors"),
    file!("fashion-mnist/weights/2811.safetensors"),
    file!("sentiment/events.out.tfevents.0"),
    file!("sentiment/weights/0.safetensors"),
    file!("sentiment/weights/194.safetensors"),
    file!("sentiment/weights/485.safetensors"),
    file!("sentiment/weights/970.safetensors"),
    file!("sentiment/weights/2440.safetensors"),
    file!("vae-fashion-mnist/events.out.tfevents.0"),
    file!("weather/events.out.tfevents.0"),
    file!("weather-gru/events.out.tfevents.0"),
];
#[cfg(target_arch = "wasm32")]
const REST: &[(&str, &[u8])] = &[];

/// All of them, by name.
pub(super) fn logs() -> Vec<(String, Bytes)> {
    let file = |(name, bytes): &(&str, &'static [u8])| (name.to_string(), Bytes::from_static(bytes));
    SMALL.iter().chain(REST).map(file).collect()
}
