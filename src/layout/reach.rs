//! What a volume depends on, and what depends on it.

use serde::{Deserialize, Serialize};

use crate::Layout;

/// Which paths from or to a volume are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// From the inputs to it.
    Upstream,
    /// From it to the outputs.
    Downstream,
    /// Both.
    Through,
}

impl Way {
    /// Every one, in the order in which they are offered.
    pub const ALL: [Way; 3] = [Way::Upstream, Way::Downstream, Way::Through];

    /// What it lights, in words.
    pub fn name(self) -> &'static str {
        match self {
            Way::Upstream => "upstream",
            Way::Downstream => "downstream",
            Way::Through => "upstream and downstream",
        }
    }
}

impl Layout {
    /// For every volume, whether it stands on a path of this way that begins or ends at volume
    /// `from`, which stands on it too.
    pub fn reached(&self, from: usize, way: Way) -> Vec<bool> {
        let mut reached = vec![false; self.volumes.len()];
        let mut walk = |along: bool| {
            let mut next = vec![Vec::new(); self.volumes.len()];
            for link in &self.links {
                let (here, there) = if along {
                    (link.from, link.to)
                } else {
                    (link.to, link.from)
                };
                next[here].push(there);
            }
            let mut seen = vec![false; self.volumes.len()];
            let mut stack: Vec<usize> = (from < seen.len()).then_some(from).into_iter().collect();
            while let Some(at) = stack.pop() {
                if !std::mem::replace(&mut seen[at], true) {
                    reached[at] = true;
                    stack.extend(&next[at]);
                }
            }
        };
        if way != Way::Downstream {
            walk(false);
        }
        if way != Way::Upstream {
            walk(true);
        }
        reached
    }
}
