//! Clusters of clusters.

use crate::{EmbedError, Table, par, product};

/// Rows that can be linked: half of their distances squared are 0.8 GB.
pub const MAX_LINKED: usize = 20_000;

/// How far apart two clusters are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Linkage {
    /// The mean distance of their rows.
    #[default]
    Average,
    /// By how much the variance within grows when they become one, as a distance.
    Ward,
}

/// Two clusters that become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Merge {
    /// Rows are clusters 0 to rows - 1; the cluster of merge `i` is rows + i. The smaller comes first.
    pub clusters: [u32; 2],
    /// How far apart they were.
    pub distance: f32,
    /// Rows of both.
    pub size: u32,
}

/// Merges of all rows, nearest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Dendrogram {
    /// Rows less 1 of them.
    pub merges: Vec<Merge>,
}

/// Agglomerative clustering by Euclidean distance (`scipy.cluster.hierarchy.linkage`, through the crate
/// `kodama`).
///
/// # Errors
/// For fewer than 2 rows, and for more than [`MAX_LINKED`].
pub fn link(table: &Table<'_>, linkage: Linkage) -> Result<Dendrogram, EmbedError> {
    table.at_least(2)?;
    let rows = table.rows();
    if rows > MAX_LINKED {
        let most = MAX_LINKED;
        return Err(EmbedError::ManyRows { rows, most });
    }
    let mut condensed = par::map(rows, |i| {
        let others = i + 1..rows;
        others
            .map(|j| product::squared_distance(table.row(i), table.row(j)).sqrt())
            .collect::<Vec<f32>>()
    })
    .concat();
    let method = match linkage {
        Linkage::Average => kodama::Method::Average,
        Linkage::Ward => kodama::Method::Ward,
    };
    let found = kodama::linkage(&mut condensed, rows, method);
    let merge = |step: &kodama::Step<f32>| Merge {
        clusters: [step.cluster1 as u32, step.cluster2 as u32],
        distance: step.dissimilarity,
        size: step.size as u32,
    };
    Ok(Dendrogram {
        merges: found.steps().iter().map(merge).collect(),
    })
}

impl Dendrogram {
    /// Cluster of each row when the last `count - 1` merges are undone, numbered by their first rows. Fewer
    /// than 1 is taken as 1, more than there are rows as that.
    pub fn cut(&self, count: usize) -> Vec<u32> {
        let rows = self.merges.len() + 1;
        let merged = rows - count.clamp(1, rows);
        let mut parents: Vec<usize> = (0..rows + merged).collect();
        for (i, merge) in self.merges[..merged].iter().enumerate() {
            merge
                .clusters
                .iter()
                .for_each(|&c| parents[c as usize] = rows + i);
        }
        // Parents have higher numbers: each one's own parent is final before it is asked for.
        for node in (0..parents.len()).rev() {
            parents[node] = parents[parents[node]];
        }
        let mut numbers = std::collections::HashMap::new();
        let number = |row: usize| {
            let next = numbers.len() as u32;
            *numbers.entry(parents[row]).or_insert(next)
        };
        (0..rows).map(number).collect()
    }

    /// Rows in an order in which a drawing's branches do not cross; of two branches the one with the earlier
    /// row comes first.
    pub fn leaves(&self) -> Vec<u32> {
        let rows = self.merges.len() as u32 + 1;
        let mut groups: Vec<Vec<u32>> = (0..rows).map(|row| vec![row]).collect();
        for merge in &self.merges {
            let [a, b] = merge.clusters.map(|c| std::mem::take(&mut groups[c as usize]));
            // Each begins with its earliest row.
            let (mut first, second) = if a.first() <= b.first() { (a, b) } else { (b, a) };
            first.extend(second);
            groups.push(first);
        }
        groups.pop().unwrap_or_default()
    }
}
