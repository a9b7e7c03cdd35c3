//! Repeats, nested ones included, and runs that are none.

use model::op::{Binary, Unary};
use model::scope::REPEAT;
use model::{Network, ScopeId};

use crate::build::{Net, count, names};

/// The children of the only repeat whose name begins with `name`.
fn copies(network: &Network, name: &str) -> usize {
    let scopes = &network.scopes;
    let all = (0..scopes.scopes.len() as u32).map(ScopeId);
    let mut found = all.filter(|&s| scopes.get(s).kind == REPEAT && scopes.get(s).name.starts_with(name));
    let copies = scopes.copies(found.next().unwrap());
    assert_eq!(found.next(), None);
    copies.unwrap()
}

#[test]
fn twelve_blocks_are_shown_once() {
    let (mut net, mut x) = Net::new(&[1, 4, 8]);
    x = net.linear(x, 8, 8);
    for _ in 0..12 {
        x = net.block(x, 32);
    }
    let y = net.norm(x);
    let y = net.linear(y, 8, 3);
    let network = net.done(y);
    assert_eq!(names(&network, REPEAT), ["block x 12"]);
    assert_eq!(copies(&network, "block x 12"), 12);
    assert_eq!((count(&network, "attention"), count(&network, "MLP")), (12, 12));
}

#[test]
fn three_blocks_or_unlike_ones_are_no_repeat() {
    for wide in [vec![16; 3], vec![8, 16, 24, 32, 40]] {
        let (mut net, mut x) = Net::new(&[1, 4, 8]);
        for wide in wide {
            x = net.block(x, wide);
        }
        let network = net.done(x);
        assert_eq!(names(&network, REPEAT), Vec::<&str>::new());
    }
}

/// The same operators in the same order, of which every second copy is wired otherwise.
#[test]
fn wiring_tells_blocks_apart() {
    for (other, expected) in [(false, 1), (true, 0)] {
        let (mut net, mut x) = Net::new(&[1, 8]);
        for i in 0..6 {
            let a = net.unary(Unary::Exp, x);
            let b = net.unary(Unary::Tanh, if other && i % 2 == 1 { x } else { a });
            x = net.binary(Binary::Add, a, b);
        }
        let network = net.done(x);
        let of_one = |s: &&model::Scope| s.kind == REPEAT && s.children.len() == 6;
        let found = network.scopes.scopes.iter().filter(of_one).count();
        assert_eq!(found, expected, "other wiring: {other}");
    }
}

#[test]
fn repeats_stand_in_repeats() {
    let (mut net, mut x) = Net::new(&[1, 4, 8]);
    for _ in 0..5 {
        for _ in 0..4 {
            x = net.linear(x, 8, 8);
            x = net.unary(Unary::Exp, x);
        }
        x = net.norm(x);
    }
    let network = net.done(x);
    assert_eq!(copies(&network, "block x 5"), 5);
    let inner = network.scopes.scopes.iter().filter(|s| s.name == "block x 4");
    assert_eq!(inner.map(|s| s.children.len()).collect::<Vec<_>>(), [4; 5]);
}

#[test]
fn fifty_thousand_layers_are_searched_at_once() {
    let (mut net, mut x) = Net::new(&[1, 4, 8]);
    while net.0.layers.len() < 50_000 {
        x = net.block(x, 32);
    }
    let started = std::time::Instant::now();
    let network = net.done(x);
    println!("{} layers in {:?}", network.layers.len(), started.elapsed());
    let copies = network.layers.len() / 38;
    assert_eq!(names(&network, REPEAT)[0], format!("block x {copies}"));
}
