//! The panels without a window: what they show, what clicks and keys ask for, what is remembered.

mod asks;
mod clouds;
mod looks;
mod palette;
mod questions;
mod remember;
mod speed;
mod states;
