//! What attention weights say: where information comes from through several layers, and what one head
//! does.

use serde::{Deserialize, Serialize};

/// Weights of one head: row `q` says how much query `q` takes from each key, and sums to 1.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Row-major, `[queries, keys]`.
    pub values: &'a [f32],
    /// Columns.
    pub keys: usize,
}

impl<'a> Weights<'a> {
    /// `None` where the values are no rows of `keys`.
    pub fn new(values: &'a [f32], keys: usize) -> Option<Self> {
        (keys > 0 && values.len().is_multiple_of(keys)).then_some(Weights { values, keys })
    }

    /// Rows.
    pub fn queries(&self) -> usize {
        self.values.len() / self.keys
    }

    /// What query `q` takes from each key.
    pub fn row(&self, q: usize) -> &'a [f32] {
        &self.values[q * self.keys..(q + 1) * self.keys]
    }
}

/// The mean of several heads of one shape, each `size` values, one after the other.
pub fn mean_of_heads(heads: &[f32], size: usize) -> Vec<f32> {
    let mut mean = vec![0.0; size];
    let count = heads.len().checked_div(size).unwrap_or(0).max(1) as f32;
    for head in heads.chunks_exact(size.max(1)) {
        mean.iter_mut().zip(head).for_each(|(m, v)| *m += v / count);
    }
    mean
}

/// `layers`, first to last, each the mean of its heads over `n` queries and keys, with half of each row
/// going past it along the residual connection (Abnar and Zuidema, "Quantifying Attention Flow in
/// Transformers", 2020, equation 1). `None` where a layer is no square of `n`.
fn with_residuals(layers: &[&[f32]], n: usize) -> Option<Vec<Vec<f64>>> {
    let with = |layer: &&[f32]| {
        let mut mixed: Vec<f64> = layer.iter().map(|&v| 0.5 * f64::from(v)).collect();
        (0..n).for_each(|i| mixed[i * n + i] += 0.5);
        for row in mixed.chunks_exact_mut(n) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|v| *v /= sum);
        }
        mixed
    };
    let fits = n > 0 && layers.iter().all(|l| l.len() == n * n);
    fits.then(|| layers.iter().map(with).collect())
}

/// Attention rollout (Abnar and Zuidema 2020): how much of each of `n` inputs reaches each of `n` places
/// after all `layers`, `[n, n]`, rows sum to 1: the product of the layers' weights, each the mean of
/// its heads, with half of each row going past it along the residual connection. `None` without
/// layers, or where one is no square of `n`.
pub fn attention_rollout(layers: &[&[f32]], n: usize) -> Option<Vec<f32>> {
    let mut mixed = with_residuals(layers, n)?.into_iter();
    let mut so_far = mixed.next()?;
    for layer in mixed {
        let mut next = vec![0f64; n * n];
        for (row, out) in layer.chunks_exact(n).zip(next.chunks_exact_mut(n)) {
            for (weight, before) in row.iter().zip(so_far.chunks_exact(n)) {
                out.iter_mut().zip(before).for_each(|(o, b)| *o += weight * b);
            }
        }
        so_far = next;
    }
    Some(so_far.into_iter().map(|v| v as f32).collect())
}

/// Edges that [`attention_flow`] looks at most, over all its searches.
const MOST_EDGES: usize = 200_000;

/// Attention flow (Abnar and Zuidema 2020): of each of `n` inputs the greatest flow from it to the place
/// `query` after all `layers` (as for [`attention_rollout`]), where weights are the capacities of the
/// connections. `n` numbers. `None` as there, and where it would take too long: with more than 200,000
/// connections in `n` copies of the graph.
pub fn attention_flow(layers: &[&[f32]], n: usize, query: usize) -> Option<Vec<f32>> {
    let mixed = with_residuals(layers, n)?;
    if mixed.is_empty() || query >= n || n * mixed.len() * n * n > MOST_EDGES {
        return None;
    }
    Some(
        (0..n)
            .map(|input| greatest_flow(&mixed, n, input, query) as f32)
            .collect(),
    )
}

/// Below this a connection is full: rounding leaves no exact 0.
const FULL: f64 = 1e-9;

/// Greatest flow from place `from` before all layers to `to` after them (Dinic 1970). Node `l * n + i`
/// is place `i` before layer `l`; what flows from `j` before a layer to `i` after it takes from weight
/// `[i, j]`.
fn greatest_flow(layers: &[Vec<f64>], n: usize, from: usize, to: usize) -> f64 {
    let mut forth: Vec<Vec<f64>> = layers.to_vec();
    let mut back: Vec<Vec<f64>> = layers.iter().map(|l| vec![0.0; l.len()]).collect();
    let (last, goal) = (layers.len(), layers.len() * n + to);
    let mut total = 0.0;
    loop {
        // How far each node is from the source.
        let mut depth = vec![usize::MAX; (last + 1) * n];
        depth[from] = 0;
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            let (l, i) = (node / n, node % n);
            let mut reach = |next: usize, room: f64| {
                if room > FULL && depth[next] == usize::MAX {
                    depth[next] = depth[node] + 1;
                    queue.push_back(next);
                }
            };
            for k in 0..n {
                if l < last {
                    reach((l + 1) * n + k, forth[l][k * n + i]);
                }
                if l > 0 {
                    reach((l - 1) * n + k, back[l - 1][i * n + k]);
                }
            }
        }
        if depth[goal] == usize::MAX {
            return total;
        }
        let mut tried = vec![0; depth.len()];
        loop {
            let pushed = push(
                &mut forth,
                &mut back,
                n,
                from,
                goal,
                f64::INFINITY,
                &depth,
                &mut tried,
            );
            if pushed <= FULL {
                break;
            }
            total += pushed;
        }
    }
}

/// Sends up to `room` from `node` to `goal` along nodes ever further from the source.
#[allow(clippy::too_many_arguments)]
fn push(
    forth: &mut [Vec<f64>],
    back: &mut [Vec<f64>],
    n: usize,
    node: usize,
    goal: usize,
    room: f64,
    depth: &[usize],
    tried: &mut [usize],
) -> f64 {
    if node == goal {
        return room;
    }
    let (l, i) = (node / n, node % n);
    while tried[node] < 2 * n {
        let k = tried[node] % n;
        let onward = tried[node] < n;
        let next = match onward {
            true if l < forth.len() => Some(((l + 1) * n + k, l, k * n + i)),
            false if l > 0 => Some(((l - 1) * n + k, l - 1, i * n + k)),
            _ => None,
        };
        if let Some((next, layer, edge)) = next.filter(|(next, ..)| depth[*next] == depth[node] + 1) {
            let free = if onward {
                forth[layer][edge]
            } else {
                back[layer][edge]
            };
            if free > FULL {
                let pushed = push(forth, back, n, next, goal, room.min(free), depth, tried);
                if pushed > FULL {
                    let sign = if onward { 1.0 } else { -1.0 };
                    forth[layer][edge] -= sign * pushed;
                    back[layer][edge] += sign * pushed;
                    return pushed;
                }
            }
        }
        tried[node] += 1;
    }
    0.0
}

/// What a head mostly does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Habit {
    /// Looks at the place before.
    Previous,
    /// Looks at the place after.
    Next,
    /// Looks at the first place.
    First,
    /// Looks at its own place.
    Itself,
    /// Looks at other places with the same token.
    Same,
    /// Looks at punctuation and separators.
    Marks,
    /// Spreads evenly over what it may see.
    Broad,
    /// None of these.
    Mixed,
}

impl Habit {
    /// One to three words.
    pub fn name(self) -> &'static str {
        match self {
            Habit::Previous => "previous token",
            Habit::Next => "next token",
            Habit::First => "first token",
            Habit::Itself => "own token",
            Habit::Same => "same token",
            Habit::Marks => "punctuation",
            Habit::Broad => "broad",
            Habit::Mixed => "mixed",
        }
    }
}

/// What a place of a text is, for [`HeadSummary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Equal for equal tokens.
    pub id: u64,
    /// Punctuation, or a separator.
    pub mark: bool,
}

/// How a head spends its attention over one or more texts: means over all queries.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadSummary {
    /// The habit that explains most.
    pub habit: Habit,
    /// Mean weight that goes where each habit looks, for [`Habit::Previous`] to [`Habit::Marks`]: over
    /// queries for which there is such a place. NaN where there is none for any.
    pub shares: [f64; 6],
    /// What an even spread would give there.
    pub even: [f64; 6],
    /// Mean entropy of the rows as a share of that of an even spread over the keys that are seen, 0 to
    /// 1; NaN where no query sees two.
    pub entropy: f64,
}

/// Habits by the place of their share.
const HABITS: [Habit; 6] = [
    Habit::Previous,
    Habit::Next,
    Habit::First,
    Habit::Itself,
    Habit::Same,
    Habit::Marks,
];
/// A habit takes at least this share of the weight,
const LEAST: f64 = 0.4;
/// and so many times what an even spread would put there.
const TIMES: f64 = 2.0;
/// From this entropy on a head is broad.
const BROAD: f64 = 0.9;

impl HeadSummary {
    /// Of the weights of one head for several texts, each square with its tokens (none: places alone).
    /// Keys of weight 0 exactly count as hidden by a mask. `None` without a query, or where tokens and
    /// weights do not fit.
    pub fn of(texts: &[(Weights, &[Token])]) -> Option<Self> {
        let mut sums = [[0f64; 3]; 6];
        let mut entropy = [0f64; 2];
        let mut queries = 0;
        for (weights, tokens) in texts {
            let keys = weights.keys;
            if weights.queries() != keys || !(tokens.is_empty() || tokens.len() == keys) {
                return None;
            }
            for q in 0..keys {
                queries += 1;
                let row = weights.row(q);
                let seen = row.iter().filter(|&&w| w > 0.0).count().max(1) as f64;
                let token = |k: usize| tokens.get(k);
                let looks = |habit: Habit, k: usize| match habit {
                    Habit::Previous => k + 1 == q,
                    Habit::Next => k == q + 1,
                    Habit::First => k == 0 && q > 0,
                    Habit::Itself => k == q,
                    Habit::Same => k != q && token(k).is_some_and(|t| Some(t.id) == token(q).map(|t| t.id)),
                    Habit::Marks => token(k).is_some_and(|t| t.mark),
                    Habit::Broad | Habit::Mixed => false,
                };
                for (habit, [sum, even, count]) in HABITS.iter().zip(&mut sums) {
                    let places = (0..keys).filter(|&k| row[k] > 0.0 && looks(*habit, k));
                    let (weight, places) = places.fold((0.0, 0), |(w, n), k| (w + f64::from(row[k]), n + 1));
                    if places > 0 || (0..keys).any(|k| looks(*habit, k)) {
                        *sum += weight;
                        *even += f64::from(places) / seen;
                        *count += 1.0;
                    }
                }
                if seen > 1.0 {
                    let own: f64 = row
                        .iter()
                        .filter(|w| **w > 0.0)
                        .map(|&w| -f64::from(w) * f64::from(w).ln())
                        .sum();
                    entropy[0] += own / seen.ln();
                    entropy[1] += 1.0;
                }
            }
        }
        if queries == 0 {
            return None;
        }
        let shares = sums.map(|[sum, _, count]| sum / count);
        let even = sums.map(|[_, even, count]| even / count);
        let entropy = entropy[0] / entropy[1];
        // A place that few queries have says little about a head.
        let counts = |i: usize| sums[i][2] >= 0.25 * f64::from(queries);
        let found = (0..6).filter(|&i| counts(i) && shares[i] >= LEAST && shares[i] >= TIMES * even[i]);
        let best = found.max_by(|&a, &b| shares[a].total_cmp(&shares[b]));
        let habit = match best {
            Some(i) => HABITS[i],
            None if entropy >= BROAD => Habit::Broad,
            None => Habit::Mixed,
        };
        Some(HeadSummary {
            habit,
            shares,
            even,
            entropy,
        })
    }
}

/// The greatest value of each of `out[0] x out[1]` even parts of a `[rows, columns]` map, so that a single
/// bright cell is seen from afar. A map that is smaller stays as it is; gives the shape with it.
pub fn brightest(map: &[f32], [rows, columns]: [usize; 2], out: [usize; 2]) -> ([usize; 2], Vec<f32>) {
    let [height, width] = [out[0].clamp(1, rows.max(1)), out[1].clamp(1, columns.max(1))];
    if [height, width] == [rows, columns] || map.len() != rows * columns || map.is_empty() {
        return ([rows, columns], map.to_vec());
    }
    let mut small = vec![f32::NEG_INFINITY; height * width];
    for (y, row) in map.chunks_exact(columns).enumerate() {
        let to = &mut small[y * height / rows * width..][..width];
        for (x, &v) in row.iter().enumerate() {
            let cell = &mut to[x * width / columns];
            *cell = cell.max(v);
        }
    }
    ([height, width], small)
}
