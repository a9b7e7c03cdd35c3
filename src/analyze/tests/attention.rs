//! Attention: rollout and flow beside NumPy and networkx, habits of heads that were constructed.

use analyze::{Habit, HeadSummary, Token, Weights, attention_flow, attention_rollout, brightest};

const N: usize = 3;
const FIRST: [f32; 9] = [0.6, 0.3, 0.1, 0.2, 0.5, 0.3, 0.1, 0.1, 0.8];
const SECOND: [f32; 9] = [0.2, 0.2, 0.6, 0.4, 0.4, 0.2, 0.7, 0.2, 0.1];

const ROLLOUT: [f32; 9] = [0.505, 0.18, 0.315, 0.235, 0.56, 0.205, 0.3175, 0.155, 0.5275];
const FLOW: [[f32; 3]; 3] = [[0.75, 0.3, 0.45], [0.35, 0.9, 0.3], [0.5, 0.3, 0.7]];

fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-6, "{found:?} beside {expected:?}");
    }
}

/// `R = (0.5 A2 + 0.5 I) @ (0.5 A1 + 0.5 I)` in NumPy 2.4.
#[test]
fn rollout_is_the_product_of_layers_with_residuals() {
    let found = attention_rollout(&[&FIRST, &SECOND], N).unwrap();
    near(&found, &ROLLOUT);
    for row in found.chunks(N) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
    assert_eq!(attention_rollout(&[&FIRST[..8]], N), None);
    assert_eq!(attention_rollout(&[], N), None);
}

/// `networkx.maximum_flow_value` (3.6) on the same layers.
#[test]
fn flow_is_the_greatest_that_weights_let_through() {
    for (query, expected) in FLOW.iter().enumerate() {
        near(&attention_flow(&[&FIRST, &SECOND], N, query).unwrap(), expected);
    }
    let large = vec![0.01; 100 * 100];
    assert_eq!(attention_flow(&[&large], 100, 0), None, "refused, not begun");
    assert_eq!(attention_flow(&[&FIRST], N, 3), None);
}

/// The weights of a head over `n` places, from what each pair is worth.
fn head(n: usize, worth: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut all = Vec::new();
    for q in 0..n {
        let row: Vec<f32> = (0..n).map(|k| worth(q, k)).collect();
        let sum: f32 = row.iter().sum();
        all.extend(row.iter().map(|v| v / sum));
    }
    all
}

#[test]
fn habits_of_constructed_heads_are_told() {
    let n = 12;
    // Four words three times, the last of them a comma.
    let tokens: Vec<Token> = (0..n as u64)
        .map(|i| Token {
            id: i % 4,
            mark: i % 4 == 3,
        })
        .collect();
    let check = |habit: Habit, worth: &dyn Fn(usize, usize) -> f32| {
        let values = head(n, worth);
        let weights = Weights::new(&values, n).unwrap();
        let found = HeadSummary::of(&[(weights, &tokens)]).unwrap();
        assert_eq!(found.habit, habit, "{found:?}");
        found
    };
    let one = |yes: bool| if yes { 1.0 } else { 0.02 };
    check(Habit::Previous, &|q, k| one(k + 1 == q));
    check(Habit::Next, &|q, k| one(k == q + 1));
    check(Habit::First, &|_, k| one(k == 0));
    check(Habit::Itself, &|q, k| one(k == q));
    check(Habit::Same, &|q, k| one(k != q && k % 4 == q % 4));
    check(Habit::Marks, &|_, k| one(k % 4 == 3));
    let even = check(Habit::Broad, &|_, _| 1.0);
    assert!((even.entropy - 1.0).abs() < 1e-6);
    // Causal: even over what is seen.
    check(Habit::Broad, &|q, k| if k <= q { 1.0 } else { 0.0 });
    check(Habit::Mixed, &|q, k| {
        if (q * 7 + k * 5) % 12 < 3 { 1.0 } else { 0.1 }
    });
    // Causal, and the place before.
    let found = check(Habit::Previous, &|q, k| match () {
        () if k > q => 0.0,
        () => one(k + 1 == q),
    });
    assert!(found.shares[0] > 0.8);
}

#[test]
fn one_token_and_no_token() {
    let weights = Weights::new(&[1.0], 1).unwrap();
    let found = HeadSummary::of(&[(weights, &[])]).unwrap();
    assert_eq!(found.shares[3], 1.0);
    assert!(found.entropy.is_nan());
    assert_eq!(HeadSummary::of(&[]), None);
    assert!(Weights::new(&[1.0, 0.0], 0).is_none() && Weights::new(&[1.0; 3], 2).is_none());
}

#[test]
fn a_bright_cell_is_seen_from_afar() {
    let mut map = vec![0.0; 100 * 60];
    map[57 * 60 + 31] = 0.9;
    let (shape, small) = brightest(&map, [100, 60], [10, 6]);
    assert_eq!((shape, small.len()), ([10, 6], 60));
    assert_eq!(small[5 * 6 + 3], 0.9);
    assert_eq!(small.iter().filter(|v| **v > 0.0).count(), 1);
    assert_eq!(brightest(&map, [100, 60], [200, 200]).0, [100, 60]);
}
