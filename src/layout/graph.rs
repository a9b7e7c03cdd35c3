//! What is drawn: the network's main graph with scopes collapsed and hidden layers bridged.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::{Layer, LayerId, Member, Network, Op, ScopeId, TensorId, TensorKind};

use crate::cycles::components;
use crate::once::Once;
use crate::{LayoutRequest, Node};

/// Roots that a hidden layer passes on at most: shape arithmetic may gather from many places.
const MAX_ROOTS: usize = 8;

/// One volume to be.
pub(crate) struct Item {
    pub node: Node,
    pub tensor: Option<TensorId>,
    pub label: String,
    pub kind: String,
}

/// A tensor that goes from item `from` to item `to`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub to: usize,
    pub from: usize,
    pub tensor: TensorId,
}

/// The drawn graph: acyclic, edges sorted and each once.
pub(crate) struct Graph {
    pub items: Vec<Item>,
    pub edges: Vec<Edge>,
}

/// Where a tensor comes from: an input of the network, or the layer at a place of the main graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Input(usize),
    Layer(usize),
}

/// A source and the tensor that it gives.
type Root = (TensorId, Source);

/// The main graph with what is known about each layer, by place in its layer list.
struct Plan<'a> {
    network: &'a Network,
    layers: &'a [LayerId],
    inputs: Vec<TensorId>,
    /// Place of each layer of the network; `usize::MAX` outside the main graph.
    place: Vec<usize>,
    input_place: HashMap<TensorId, usize>,
    reads: Vec<Vec<Root>>,
    hidden: Vec<bool>,
    /// Layers whose values follow from shapes alone and that are hidden for it.
    shape: Vec<bool>,
    /// For a visible layer what it reads, for a hidden one what it passes on.
    roots: Vec<Vec<Root>>,
    /// Copies of which only the first one is drawn.
    once: Once,
    /// Inputs that only copies read that are not drawn.
    unread: HashSet<usize>,
}

/// Builds the drawn graph.
pub(crate) fn build(network: &Network, request: &LayoutRequest) -> Graph {
    if network.graphs.is_empty() {
        return Graph {
            items: Vec::new(),
            edges: Vec::new(),
        };
    }
    let mut plan = Plan::new(network);
    plan.hide(request);
    plan.find_roots();
    plan.show_once(request);
    let groups = plan.groups(&request.collapsed);
    plan.finish(&groups)
}

impl<'a> Plan<'a> {
    fn new(network: &'a Network) -> Self {
        let main = network.main();
        let mut place = vec![usize::MAX; network.layers.len()];
        for (i, layer) in main.layers.iter().enumerate() {
            place[layer.0 as usize] = i;
        }
        let mut seen = HashSet::new();
        let fed = |t: &TensorId| {
            let tensor = network.tensor(*t);
            let fixed = matches!(tensor.kind, TensorKind::Parameter | TensorKind::Buffer);
            tensor.producer.is_none() && tensor.data.is_none() && !fixed
        };
        let inputs: Vec<TensorId> = main.inputs.iter().copied().filter(fed).collect();
        let inputs: Vec<TensorId> = inputs.into_iter().filter(|t| seen.insert(*t)).collect();
        let input_place = inputs.iter().copied().zip(0..).collect();
        let mut plan = Plan {
            network,
            layers: &main.layers,
            inputs,
            place,
            input_place,
            reads: Vec::new(),
            hidden: vec![false; main.layers.len()],
            shape: vec![false; main.layers.len()],
            roots: Vec::new(),
            once: Once::default(),
            unread: HashSet::new(),
        };
        plan.reads = (0..plan.layers.len()).map(|i| plan.reads_of(i)).collect();
        plan
    }

    fn layer(&self, place: usize) -> &'a Layer {
        self.network.layer(self.layers[place])
    }

    /// The drawn source of `tensor`, if it has one.
    fn source(&self, tensor: TensorId) -> Option<Source> {
        if let Some(&i) = self.input_place.get(&tensor) {
            return Some(Source::Input(i));
        }
        let producer = self.network.tensor(tensor).producer?;
        let place = self.place[producer.0 as usize];
        (place != usize::MAX).then_some(Source::Layer(place))
    }

    /// What layer `place` reads from inputs and earlier layers, subgraphs included.
    fn reads_of(&self, place: usize) -> Vec<Root> {
        let layer = self.layer(place);
        let tensors = if layer.subgraphs.is_empty() {
            layer.inputs.iter().flatten().copied().collect()
        } else {
            self.network.dependencies(self.layers[place])
        };
        let mut reads: Vec<Root> = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            match self.source(tensor) {
                // A list that is not in topological order must not make a cycle.
                Some(Source::Layer(from)) if from >= place => {}
                Some(source) if !reads.contains(&(tensor, source)) => reads.push((tensor, source)),
                _ => {}
            }
        }
        reads
    }

    /// Decides which layers are not drawn.
    fn hide(&mut self, request: &LayoutRequest) {
        let mut fed = vec![false; self.layers.len()];
        for i in 0..self.layers.len() {
            fed[i] = matches!(self.layer(i).op, Op::Input)
                || self.reads[i].iter().any(|r| match r.1 {
                    Source::Input(_) => true,
                    Source::Layer(from) => fed[from],
                });
        }
        if !request.show_constants && fed.contains(&true) {
            self.hidden = fed.iter().map(|f| !f).collect();
        }
        if !request.hide_trivial {
            return;
        }
        for i in 0..self.layers.len() {
            self.shape[i] = self.is_shape(i);
            self.hidden[i] |= self.shape[i] || passes_on(&self.layer(i).op);
            self.hidden[i] |= matches!(self.layer(i).op, Op::Constant { .. } | Op::ConstantOfShape { .. });
        }
    }

    /// True when the values of layer `place` follow from shapes and constants.
    fn is_shape(&self, place: usize) -> bool {
        let layer = self.layer(place);
        if matches!(layer.op, Op::Shape { .. } | Op::Size) {
            return true;
        }
        if !layer.subgraphs.is_empty() || matches!(layer.op, Op::Other { .. }) {
            return false;
        }
        let trained = layer.inputs.iter().flatten().any(|t| {
            let kind = self.network.tensor(*t).kind;
            matches!(kind, TensorKind::Parameter | TensorKind::Buffer)
        });
        let mut shapes = 0;
        for (_, source) in &self.reads[place] {
            match *source {
                Source::Layer(from) if self.shape[from] => shapes += 1,
                Source::Layer(from) if matches!(self.layer(from).op, Op::Constant { .. }) => {}
                _ => return false,
            }
        }
        shapes > 0 && !trained
    }

    /// Follows every read through hidden layers.
    fn find_roots(&mut self) {
        for i in 0..self.layers.len() {
            let reads: &[Root] = if self.hidden[i] && passes_on(&self.layer(i).op) {
                &self.reads[i][..self.reads[i].len().min(1)]
            } else {
                &self.reads[i]
            };
            let (mut data, mut shape) = (Vec::new(), Vec::new());
            for &(tensor, source) in reads {
                let into = match source {
                    Source::Layer(from) if self.shape[from] => &mut shape,
                    _ => &mut data,
                };
                self.resolve((tensor, source), into);
            }
            // What only tells sizes is drawn where nothing else leads to the layer.
            let mut roots = if data.is_empty() { shape } else { data };
            if self.hidden[i] {
                roots.truncate(MAX_ROOTS);
            }
            self.roots.push(roots);
        }
    }

    /// Hides all copies but the first of what is shown once. What reads a hidden copy reads the same
    /// place of the shown one; what a hidden copy reads from before all of them leads there too.
    fn show_once(&mut self, request: &LayoutRequest) {
        let once = Once::new(self.network, self.layers, request);
        if once.is_empty() {
            return;
        }
        let seen = |root: &Root| match root.1 {
            Source::Layer(from) => (root.0, Source::Layer(once.shown(from))),
            Source::Input(_) => *root,
        };
        let (mut read, mut unread) = (HashSet::new(), HashSet::new());
        let mut roots: Vec<Vec<Root>> = Vec::with_capacity(self.roots.len());
        for (i, all) in self.roots.iter().enumerate().filter(|(i, _)| !self.hidden[*i]) {
            let inputs = all.iter().filter_map(|r| match r.1 {
                Source::Input(k) => Some(k),
                Source::Layer(_) => None,
            });
            match once.shown(i) == i {
                true => read.extend(inputs),
                false => unread.extend(inputs),
            }
        }
        unread.retain(|k| !read.contains(k));
        for (i, all) in self.roots.iter().enumerate() {
            let shown = once.shown(i);
            let earlier = |r: &Root| match r.1 {
                Source::Layer(from) => from < i,
                Source::Input(_) => true,
            };
            let mut own: Vec<Root> = all.iter().map(seen).filter(earlier).collect();
            if shown != i && !self.hidden[i] {
                let first = once.first(i);
                let outside = all.iter().filter(|r| match r.1 {
                    Source::Layer(from) => from < first,
                    Source::Input(k) => !unread.contains(&k),
                });
                let outside: Vec<Root> = outside.map(seen).collect();
                let there = &mut roots[shown];
                for root in outside {
                    if !there.contains(&root) {
                        there.push(root);
                    }
                }
                own.clear();
            }
            let mut each = HashSet::new();
            own.retain(|r| each.insert(*r));
            roots.push(own);
        }
        (self.roots, self.once, self.unread) = (roots, once, unread);
    }

    /// True for layers that are drawn.
    fn visible(&self, i: usize) -> bool {
        !self.hidden[i] && self.once.shown(i) == i
    }

    /// Adds the drawn sources of `root` to `into`, each once.
    fn resolve(&self, root: Root, into: &mut Vec<Root>) {
        let passed = match root.1 {
            Source::Layer(from) if self.hidden[from] => self.roots[from].as_slice(),
            Source::Layer(from) => &[(root.0, Source::Layer(self.once.shown(from)))],
            _ => &[root],
        };
        for &one in passed {
            if !into.contains(&one) {
                into.push(one);
            }
        }
    }

    /// The item of each layer: itself or its outermost collapsed scope, with a stretch number that
    /// tells the parts of an interrupted scope apart. `None` for hidden layers.
    fn groups(&self, collapsed: &BTreeSet<ScopeId>) -> Vec<Option<(Node, u32)>> {
        let scopes = &self.network.scopes.scopes;
        let mut top: Vec<Option<ScopeId>> = Vec::with_capacity(scopes.len());
        for (i, scope) in scopes.iter().enumerate() {
            let above = scope.parent.and_then(|p| top.get(p.0 as usize).copied());
            let id = ScopeId(i as u32);
            top.push(above.flatten().or(collapsed.contains(&id).then_some(id)));
        }
        let node = |i: usize| {
            let scope = self.layer(i).scope;
            let scope = top.get(scope.0 as usize).copied().flatten();
            scope.map_or(Node::Layer(self.layers[i]), Node::Scope)
        };
        let (mut index, mut of) = (HashMap::new(), vec![usize::MAX; self.layers.len()]);
        for (i, group) in of.iter_mut().enumerate().filter(|(i, _)| self.visible(*i)) {
            let next = index.len();
            *group = *index.entry(node(i)).or_insert(next);
        }
        let mut next = vec![Vec::new(); index.len()];
        for (i, from) in self.visible_reads() {
            if of[from] != of[i] {
                next[of[from]].push(of[i]);
            }
        }
        let cycle = components(&next);
        let mut level = vec![0u32; self.layers.len()];
        for (i, from) in self.visible_reads() {
            if cycle[of[from]] == cycle[of[i]] {
                level[i] = level[i].max(level[from] + u32::from(of[from] != of[i]));
            }
        }
        (0..self.layers.len())
            .map(|i| self.visible(i).then(|| (node(i), level[i])))
            .collect()
    }

    /// Pairs of a visible layer and a layer that it reads from, by place of the first.
    fn visible_reads(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let visible = (0..self.layers.len()).filter(|&i| self.visible(i));
        visible.flat_map(move |i| {
            self.roots[i].iter().filter_map(move |r| match r.1 {
                Source::Layer(from) if self.visible(from) => Some((i, from)),
                _ => None,
            })
        })
    }

    fn finish(&self, groups: &[Option<(Node, u32)>]) -> Graph {
        let mut input_of = vec![usize::MAX; self.inputs.len()];
        let mut items: Vec<Item> = Vec::new();
        for (k, &t) in self
            .inputs
            .iter()
            .enumerate()
            .filter(|(k, _)| !self.unread.contains(k))
        {
            input_of[k] = items.len();
            items.push(self.port(t, true));
        }
        let mut of = vec![usize::MAX; self.layers.len()];
        let mut index: HashMap<(Node, u32), usize> = HashMap::new();
        for (i, group) in groups.iter().enumerate() {
            let Some(group) = group else { continue };
            of[i] = *index.entry(*group).or_insert_with(|| {
                items.push(self.item(group.0));
                items.len() - 1
            });
            // Layers come in flow order: the last one stands.
            items[of[i]].tensor = self.shown(self.layer(i));
        }
        let item_of = |source: Source| match source {
            Source::Input(i) => input_of[i],
            Source::Layer(i) => of[i],
        };
        let mut edges = Vec::new();
        let mut connect = |to: usize, roots: &[Root]| {
            for &(tensor, source) in roots {
                let from = item_of(source);
                if from != to && from != usize::MAX {
                    edges.push(Edge { to, from, tensor });
                }
            }
        };
        for i in (0..self.layers.len()).filter(|&i| self.visible(i)) {
            connect(of[i], &self.roots[i]);
        }
        let mut seen = HashSet::new();
        let mut sources = HashSet::new();
        for &tensor in self.network.main().outputs.iter() {
            if seen.insert(tensor) {
                let mut roots = Vec::new();
                let source = self.source(tensor);
                if let Some(source) = source {
                    self.resolve((tensor, source), &mut roots);
                }
                // The results of all copies are one, as the copies are.
                let fresh = sources.insert(roots.iter().map(|r| r.1).collect::<Vec<_>>());
                let copy = matches!(source, Some(Source::Layer(from)) if self.once.shown(from) != from);
                if copy && !fresh {
                    continue;
                }
                connect(items.len(), &roots);
                items.push(self.port(tensor, false));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        Graph { items, edges }
    }

    /// The tensor that stands for a layer: its output, or of bare weights the largest.
    fn shown(&self, layer: &Layer) -> Option<TensorId> {
        if layer.op != Op::Weights {
            return layer.outputs.iter().flatten().next().copied();
        }
        let spec = |t: TensorId| &self.network.tensor(t).spec;
        let stored = layer.inputs.iter().flatten().copied();
        let stored = stored.filter(|&t| self.network.tensor(t).producer.is_none());
        // The first of equals, as biases come after their weights.
        stored
            .rev()
            .max_by_key(|&t| (spec(t).rank(), spec(t).elements(&Default::default())))
    }

    /// An input or an output.
    fn port(&self, tensor: TensorId, input: bool) -> Item {
        let (node, kind) = match input {
            true => (Node::Input(tensor), "Input"),
            false => (Node::Output(tensor), "Output"),
        };
        Item {
            node,
            tensor: Some(tensor),
            label: self.own(&self.network.tensor(tensor).name, |m| {
                m.tensors.contains(&tensor.0)
            }),
            kind: kind.to_string(),
        }
    }

    /// `name` in its own network, where several stand beside each other.
    fn own(&self, name: &str, within: impl Fn(&Member) -> bool) -> String {
        let member = self.network.members.iter().find(|m| within(m));
        let own = member.and_then(|m| name.strip_prefix(&m.name)?.strip_prefix('/'));
        own.unwrap_or(name).to_string()
    }

    fn item(&self, node: Node) -> Item {
        let (label, kind) = match node {
            Node::Scope(id) => {
                let scope = self.network.scopes.get(id);
                let name = match scope.name.is_empty() {
                    true => self.network.name.clone(),
                    false => self.network.scopes.label(id),
                };
                let kind = match scope.kind.is_empty() {
                    true => "scope",
                    false => &scope.kind,
                };
                (name, kind.to_string())
            }
            Node::Layer(id) => {
                let layer = self.network.layer(id);
                (
                    self.own(&layer.name, |m| m.layers.contains(&id.0)),
                    layer.kind.clone(),
                )
            }
            Node::Input(_) | Node::Output(_) => (String::new(), String::new()),
        };
        Item {
            node,
            tensor: None,
            label,
            kind,
        }
    }
}

/// True for layers that only hand their first input on.
fn passes_on(op: &Op) -> bool {
    matches!(
        op,
        Op::Identity | Op::Dropout { .. } | Op::Cast { .. } | Op::CastLike
    )
}
