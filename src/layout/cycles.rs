//! Cycles of a graph.

/// The strongly connected component of each node, numbered from 0 (Tarjan 1972, without recursion).
pub(crate) fn components(next: &[Vec<usize>]) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let n = next.len();
    let (mut order, mut low, mut component) = (vec![NEW; n], vec![0; n], vec![NEW; n]);
    let (mut open, mut work, mut visited, mut found) = (Vec::new(), Vec::new(), 0, 0);
    for start in 0..n {
        if order[start] == NEW {
            work.push((start, 0));
        }
        while let Some((v, k)) = work.last_mut() {
            let v = *v;
            if order[v] == NEW {
                (order[v], low[v]) = (visited, visited);
                visited += 1;
                open.push(v);
            }
            if let Some(&w) = next[v].get(*k) {
                *k += 1;
                if order[w] == NEW {
                    work.push((w, 0));
                } else if component[w] == NEW {
                    low[v] = low[v].min(order[w]);
                }
                continue;
            }
            work.pop();
            if let Some(&(parent, _)) = work.last() {
                low[parent] = low[parent].min(low[v]);
            }
            if low[v] == order[v] {
                while let Some(w) = open.pop() {
                    component[w] = found;
                    if w == v {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}
