//! k-means.

use crate::random::Random;
use crate::{EmbedError, Table, par, product};

const BLOCK: usize = 256;

/// How k-means goes about it; the defaults are scikit-learn's, with as many starts as it once had.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeansSettings {
    /// Clusters.
    pub clusters: usize,
    /// Starts by k-means++, of which the best is kept.
    pub starts: usize,
    /// Rounds at most.
    pub rounds: usize,
    /// Rounds end when centres move by less than this share of the columns' mean variance (squared).
    pub tolerance: f64,
    /// Of the starts.
    pub seed: u64,
}

impl Default for KMeansSettings {
    fn default() -> Self {
        KMeansSettings {
            clusters: 8,
            starts: 10,
            rounds: 300,
            tolerance: 1e-4,
            seed: 0,
        }
    }
}

/// Clusters around centres.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// Cluster of each row.
    pub labels: Vec<u32>,
    /// Clusters × columns: the mean of each.
    pub centres: Vec<f32>,
    /// Sum of squared distances to the centres.
    pub inertia: f64,
    /// Rounds that it took.
    pub rounds: usize,
}

/// The best of several starts.
///
/// # Errors
/// For no clusters or starts, and for more clusters than rows.
pub fn kmeans(table: &Table<'_>, settings: &KMeansSettings) -> Result<KMeans, EmbedError> {
    table.at_least(1)?;
    crate::error::within("clusters", settings.clusters as f64, 1.0, table.rows() as f64)?;
    crate::error::within("starts", settings.starts as f64, 1.0, 1e6)?;
    let mut best: Option<KMeans> = None;
    for start in 0..settings.starts {
        let random = Random::new(&[settings.seed, start as u64]);
        let centres = plus_plus(table, settings.clusters, random);
        let found = kmeans_from(table, &centres, settings)?;
        if best.as_ref().is_none_or(|b| found.inertia < b.inertia) {
            best = Some(found);
        }
    }
    best.ok_or(EmbedError::FewRows { rows: 0, least: 1 })
}

/// Lloyd's rounds from given centres (clusters × columns). A cluster that loses its last row takes the
/// row that lies farthest from its centre.
///
/// # Errors
/// For no centres, or centres of other columns.
pub fn kmeans_from(
    table: &Table<'_>,
    centres: &[f32],
    settings: &KMeansSettings,
) -> Result<KMeans, EmbedError> {
    table.at_least(1)?;
    let (values, width) = (table.values(), table.width());
    let count = centres.len() / width;
    if count == 0 || !centres.len().is_multiple_of(width) {
        let (what, expected) = ("values of centres", count.max(1) * width);
        let found = centres.len();
        return Err(EmbedError::Lengths {
            what,
            expected,
            found,
        });
    }
    // Distances are sums of products: the closer the values to 0, the less those round.
    let mean = crate::pca::mean(table);
    let mut centred = values.to_vec();
    par::chunks(&mut centred, width * BLOCK, |_, block| {
        for row in block.chunks_mut(width) {
            row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
        }
    });
    let squares: f64 = centred.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    let enough = settings.tolerance * squares / values.len() as f64;
    let mut centres: Vec<f32> = centres
        .chunks(width)
        .flat_map(|c| c.iter().zip(&mean).map(|(c, m)| c - m))
        .collect();
    let (mut labels, mut rounds) = (Vec::new(), 0);
    while rounds < settings.rounds.max(1) {
        rounds += 1;
        let (now, distances) = assign(&centred, width, &centres);
        let (mut means, counts) = self::means(&centred, width, &now, count);
        let mut far: Vec<usize> = Vec::new();
        if counts.contains(&0) {
            far = (0..now.len()).collect();
            far.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]));
        }
        for (empty, &row) in (0..count).filter(|&c| counts[c] == 0).zip(&far) {
            means[empty * width..][..width].copy_from_slice(&centred[row * width..][..width]);
        }
        let moved: f64 = means
            .iter()
            .zip(&centres)
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum();
        let same = now == labels;
        (labels, centres) = (now, means);
        if same || moved <= enough {
            break;
        }
    }
    let (labels, _) = assign(&centred, width, &centres);
    let inertia = par::map(labels.len().div_ceil(BLOCK), |b| {
        let rows = centred[b * BLOCK * width..].chunks(width).take(BLOCK);
        rows.zip(&labels[b * BLOCK..])
            .map(|(row, &c)| {
                f64::from(product::squared_distance(
                    row,
                    &centres[c as usize * width..][..width],
                ))
            })
            .sum::<f64>()
    });
    for centre in centres.chunks_mut(width) {
        centre.iter_mut().zip(&mean).for_each(|(c, m)| *c += m);
    }
    Ok(KMeans {
        labels,
        centres,
        inertia: inertia.iter().sum(),
        rounds,
    })
}

/// Centres drawn from the rows, far from each other (Arthur and Vassilvitskii 2007): each time the best of
/// 2 + ln(clusters) draws, as scikit-learn has it.
fn plus_plus(table: &Table<'_>, count: usize, mut random: Random) -> Vec<f32> {
    let rows = table.rows();
    let tries = 2 + (count as f64).ln() as usize;
    let distances = |to: usize| {
        par::map(rows.div_ceil(BLOCK), |b| {
            let rows = b * BLOCK..rows.min((b + 1) * BLOCK);
            rows.map(|i| f64::from(product::squared_distance(table.row(i), table.row(to))))
                .collect::<Vec<f64>>()
        })
        .concat()
    };
    let first = random.below(rows);
    let mut centres = table.row(first).to_vec();
    let mut nearest = distances(first);
    for _ in 1..count {
        let total: f64 = nearest.iter().sum();
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..tries {
            let mut left = random.uniform() * total;
            let drawn = nearest.iter().position(|d| {
                left -= d;
                left < 0.0
            });
            // Where all rows are centres already, any will do.
            let drawn = drawn.unwrap_or_else(|| random.below(rows));
            let mut next = distances(drawn);
            next.iter_mut().zip(&nearest).for_each(|(n, &d)| *n = n.min(d));
            let sum: f64 = next.iter().sum();
            if best.as_ref().is_none_or(|b| sum < b.0) {
                best = Some((sum, drawn, next));
            }
        }
        if let Some((_, drawn, next)) = best {
            centres.extend_from_slice(table.row(drawn));
            nearest = next;
        }
    }
    centres
}

/// The nearest of some centres for each row, and the squared distance to it less the row's own square.
pub(crate) fn assign(values: &[f32], width: usize, centres: &[f32]) -> (Vec<u32>, Vec<f32>) {
    let count = centres.len() / width;
    let norms: Vec<f32> = centres
        .chunks(width)
        .map(|c| c.iter().map(|v| v * v).sum())
        .collect();
    let rows = values.len() / width;
    let found = par::map(rows.div_ceil(BLOCK), |b| {
        let block = &values[b * BLOCK * width..rows.min((b + 1) * BLOCK) * width];
        let mut products = vec![0.0; block.len() / width * count];
        product::dots(centres, block, width, &mut products);
        let nearest = products
            .chunks(count)
            .zip(block.chunks(width))
            .map(|(dots, row)| {
                let mut best = (f32::INFINITY, 0);
                for (c, (dot, norm)) in dots.iter().zip(&norms).enumerate() {
                    let score = norm - 2.0 * dot;
                    if score < best.0 {
                        best = (score, c as u32);
                    }
                }
                let own: f32 = row.iter().map(|v| v * v).sum();
                (best.1, best.0 + own)
            });
        nearest.collect::<Vec<_>>()
    });
    found.into_iter().flatten().unzip()
}

/// Mean of the rows of each label, 0 where there are none, and how many there are.
pub(crate) fn means(values: &[f32], width: usize, labels: &[u32], count: usize) -> (Vec<f32>, Vec<u32>) {
    const MANY: usize = 4096;
    let parts = par::map(labels.len().div_ceil(MANY), |b| {
        let (mut sums, mut counts) = (vec![0f32; count * width], vec![0u32; count]);
        let rows = values[b * MANY * width..].chunks(width).take(MANY);
        for (row, &label) in rows.zip(&labels[b * MANY..]) {
            counts[label as usize] += 1;
            let sum = &mut sums[label as usize * width..][..width];
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += v);
        }
        (sums, counts)
    });
    let (mut sums, mut counts) = (vec![0f64; count * width], vec![0u32; count]);
    for (part, many) in parts {
        sums.iter_mut().zip(part).for_each(|(s, p)| *s += f64::from(p));
        counts.iter_mut().zip(many).for_each(|(c, m)| *c += m);
    }
    let mean = |(i, s): (usize, &f64)| (s / f64::from(counts[i / width].max(1))) as f32;
    (sums.iter().enumerate().map(mean).collect(), counts)
}
