//! Operators with weights, sampling and transforms, one layer at a time: wrong shapes, gradients,
//! and the graphics device against the processor.

mod cases;
mod device;
mod gradients;
mod hostile;
mod single;
