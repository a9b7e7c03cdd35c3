//! An open network with its input, its pass and its layout.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use data::{Images, Picture, Preprocess};
use layout::{Arrangement, Layout, LayoutRequest, Node};
use model::{AttentionSite, Bindings, Cost, Dim, Network, ScopeId, TensorId, TensorKind, TensorSpec, Trace};

use crate::attention::{Ablated, Before};
use crate::beside::{Known, Mark, Side};
use crate::folds::{self, Folds};
use crate::replay::Replay;
use crate::worker::Arrays;
use crate::{Amounts, Predictions, Quantity, Source, Text};

/// A model that is built in.
struct Bundled {
    name: &'static str,
    model: &'static [u8],
    /// Its `tokenizer.json`, where it takes text.
    tokenizer: Option<&'static [u8]>,
}

/// Models that are built in.
const BUNDLED: &[Bundled] = &[
    Bundled {
        name: "fashion-mnist",
        model: include_bytes!("../../models/fashion-mnist.onnx"),
        tokenizer: None,
    },
    Bundled {
        name: "sentiment",
        model: include_bytes!("../../models/sentiment/sentiment.onnx"),
        tokenizer: Some(include_bytes!("../../models/sentiment/tokenizer.json")),
    },
];

/// What lies beside a model that is built in.
pub(crate) fn beside_bundled(name: &str) -> Vec<(String, Bytes)> {
    let found = BUNDLED.iter().find(|b| b.name == name);
    let tokenizer = found.and_then(|b| b.tokenizer);
    let file = tokenizer.map(|t| ("tokenizer.json".to_string(), Bytes::from_static(t)));
    file.into_iter().collect()
}

/// What flows through the network.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Nothing: structure only.
    None,
    /// A sample of the data set.
    Sample(usize),
    /// A picture.
    #[allow(missing_docs)]
    Picture { name: String, picture: Arc<Picture> },
    /// What was drawn by hand.
    Drawing(Arc<Picture>),
    /// Texts, a row of tokens each.
    Text(Arc<[String]>),
    /// Arrays under the graph's input names.
    #[allow(missing_docs)]
    Arrays { name: String, arrays: Arc<Arrays> },
}

impl Input {
    /// Its file, or what it is.
    pub(crate) fn name(&self) -> String {
        match self {
            Input::None => "no input".into(),
            Input::Sample(i) => format!("sample {i}"),
            Input::Drawing(_) => "the drawing".into(),
            Input::Text(_) => "the text".into(),
            Input::Picture { name, .. } | Input::Arrays { name, .. } => name.clone(),
        }
    }

    /// Reads a picture, or arrays from an `.npz`; that of an `.npy` has no name.
    pub(crate) fn read(source: &Source) -> Result<Self, String> {
        let name = source.name();
        if name.to_ascii_lowercase().ends_with(".npz") {
            let arrays = match source {
                Source::Bytes { bytes, .. } => data::npz::from_bytes(&name, bytes),
                _ => data::npz::read(std::path::Path::new(&name)),
            };
            let arrays = Arc::new(arrays.map_err(|e| e.to_string())?);
            return Ok(Input::Arrays { name, arrays });
        }
        if name.to_ascii_lowercase().ends_with(".npy") {
            let array = match source {
                Source::Bytes { bytes, .. } => data::npz::parse_npy(&name, bytes),
                _ => data::npz::read_npy(std::path::Path::new(&name)),
            };
            let array = array.map_err(|e| e.to_string())?;
            let arrays = Arc::new(vec![(String::new(), array)]);
            return Ok(Input::Arrays { name, arrays });
        }
        let picture = match source {
            Source::File(path) => Picture::open(path),
            Source::Bytes { name, bytes } => Picture::decode(name, bytes),
            Source::Bundled(_) | Source::Together(_) => return Err(format!("{name}: it is no input")),
        };
        let picture = Arc::new(picture.map_err(|e| e.to_string())?);
        Ok(Input::Picture { name, picture })
    }
}

/// A tensor on its way between two volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Writes it.
    pub from: Node,
    /// Reads it.
    pub to: Node,
    /// What it carries.
    pub tensor: TensorId,
}

/// An open network.
pub struct Document {
    /// File, or built-in name.
    pub file: String,
    /// As read; what is executed.
    pub source: Arc<Network>,
    /// As shown: symbolic sizes replaced by those of the last pass.
    pub network: Network,
    /// Whether text can be given, of a comparison to the first network.
    pub text: Text,
    /// The tokens of each text of the last pass.
    pub tokens: Option<Vec<Vec<String>>>,
    /// Sizes of symbols.
    pub bindings: Bindings,
    /// Cost of `network`.
    pub cost: Cost,
    /// What is closed at first.
    pub(crate) folds: Folds,
    /// Where everything stands.
    pub layout: Arc<Layout>,
    /// Activations of the last pass.
    pub trace: Option<Arc<Trace>>,
    /// Gradients of the last pass.
    pub gradients: Option<Arc<Trace>>,
    /// Class names, where the file or the data set states them.
    pub classes: Vec<String>,
    /// Examples that fit the network.
    pub samples: Option<Arc<Images>>,
    /// What the network says about them, as far as it was asked; of a comparison each network.
    pub predictions: Vec<Predictions>,
    /// The networks that are compared, the first one with the others; none of an ordinary one.
    pub sides: Vec<Side>,
    /// What differs between them, by layer and scope among all.
    pub(crate) marks: HashMap<Node, Mark>,
    /// Every attention, once it was looked for.
    pub(crate) attention: OnceLock<Vec<AttentionSite>>,
    /// Heads that were put out in the last pass.
    pub(crate) ablated: Vec<Ablated>,
    /// The output before any was.
    pub(crate) before: Option<Before>,
    /// How a picture becomes the input; `None` for networks of other input.
    pub preprocess: Option<Preprocess>,
    /// What its volumes are as large as, instead of as their shapes.
    pub(crate) size: Option<Quantity>,
    /// Quantities as far as they were counted.
    pub(crate) amounts: [OnceLock<Amounts>; crate::quantity::COUNT],
    /// The run that the layers' recorded numbers are of, and what it recorded at the chosen step.
    pub recorded: Option<(Arc<model::Run>, crate::dynamics::Moment)>,
    /// The weights on show are those of this run and step; the present ones are kept beside.
    pub(crate) replay: Option<Replay>,
    /// Grows with each change of what was recorded.
    pub told: u64,
    /// Grows with each layout.
    pub placed: u64,
    /// Grows with each pass or gradient.
    pub passed: u64,
}

/// Layers above which scopes are closed at first.
const MANY: usize = 60;

/// The network of `source`.
pub(crate) fn read(source: &Source) -> Result<Network, String> {
    match source {
        Source::File(path) => formats::open(path),
        Source::Bytes { name, bytes } => formats::open_bytes(name, bytes.clone(), None),
        Source::Together(files) => {
            let [(name, bytes), rest @ ..] = &files[..] else {
                return Err("no file was given".into());
            };
            formats::open_given(name, bytes.clone(), rest)
        }
        Source::Bundled(name) => {
            let found = BUNDLED.iter().find(|b| b.name == name).ok_or_else(|| {
                let names: Vec<&str> = BUNDLED.iter().map(|b| b.name).collect();
                format!(
                    "{name}: no built-in model has this name; there are {}",
                    names.join(" and ")
                )
            })?;
            formats::open_bytes(name, Bytes::from_static(found.model), None)
        }
    }
    .map(|mut network| {
        model::expose_attention(&mut network);
        network
    })
    .map_err(|e| e.to_string())
}

/// The first network of several, or the only one.
fn leading(network: &Network) -> (Option<Preprocess>, Option<TensorId>) {
    let main = network.main();
    let (inputs, outputs) = match network.members.first() {
        Some(first) => (&first.inputs, &first.outputs),
        None => (&main.inputs, &main.outputs),
    };
    (pictures(network, inputs), outputs.first().copied())
}

/// The names of the classes, where the file states them.
pub(crate) fn classes(network: &Network) -> Option<Vec<String>> {
    let members = network.members.iter().flat_map(|m| &m.metadata);
    let mut stated = network.metadata.iter().chain(members);
    let found = stated.find(|(key, _)| key == "classes");
    found.map(|(_, names)| names.lines().map(String::from).collect())
}

/// The document of a network.
pub(crate) fn of(known: Known) -> Document {
    let Known { file, network, text } = known;
    let bindings = model::cost::default_bindings(&network);
    let (preprocess, output) = leading(&network);
    let mut classes = classes(&network).unwrap_or_default();
    let samples = data::fashion_sample();
    let fits = preprocess.as_ref().is_some_and(|p| *p == samples.preprocess())
        && output.and_then(|o| network.tensor(o).spec.elements(&bindings))
            == Some(samples.classes.len() as u64);
    // A bare architecture has nothing to compute with.
    let samples = (fits && weighted(&network)).then(|| Arc::new(samples));
    if let Some(samples) = samples.as_ref().filter(|_| classes.is_empty()) {
        classes = samples.classes.clone();
    }
    let mut document = Document {
        file,
        text,
        tokens: None,
        cost: model::cost(&network, &bindings),
        folds: Folds::default(),
        layout: Arc::default(),
        trace: None,
        gradients: None,
        classes,
        samples,
        predictions: Vec::new(),
        sides: Vec::new(),
        marks: HashMap::new(),
        attention: OnceLock::new(),
        ablated: Vec::new(),
        before: None,
        preprocess,
        size: None,
        amounts: Default::default(),
        recorded: None,
        replay: None,
        told: 0,
        placed: 0,
        passed: 0,
        bindings,
        network: (*network).clone(),
        source: network,
    };
    if document.network.main().layers.len() > MANY {
        document.folds = folds::outermost(&document.network);
    }
    document.place(&document.folds.clone(), Arrangement::default());
    document
}

/// True when every parameter has its values.
fn weighted(network: &Network) -> bool {
    let stored = |t: &model::Tensor| matches!(t.kind, TensorKind::Parameter | TensorKind::Buffer);
    network
        .tensors
        .iter()
        .filter(|t| stored(t))
        .all(|t| t.data.is_some())
}

/// For a network of one picture.
pub(crate) fn preprocess(network: &Network) -> Option<Preprocess> {
    pictures(network, &network.main().inputs)
}

fn pictures(network: &Network, inputs: &[TensorId]) -> Option<Preprocess> {
    let [input] = inputs[..] else {
        return None;
    };
    let dims = network.tensor(input).spec.dims()?;
    let [_, channels, height, width] = &dims[..] else {
        return None;
    };
    // A free size is that of most classifiers.
    let side = |d: &Dim| d.known().unwrap_or(224) as usize;
    match channels.known() {
        Some(3) => Some(Preprocess::imagenet(side(width), side(height))),
        Some(1) => Some(Preprocess::unit(side(width), side(height), 1)),
        _ => None,
    }
}

impl Document {
    /// Lays the network out.
    pub(crate) fn place(&mut self, folds: &Folds, arrangement: Arrangement) {
        self.layout = Arc::new(self.arranged(folds, arrangement));
        self.placed += 1;
    }

    /// How it would stand with these scopes closed, so arranged.
    pub fn arranged(&self, folds: &Folds, arrangement: Arrangement) -> Layout {
        let request = LayoutRequest {
            collapsed: folds.collapsed.clone(),
            once: folds.once.clone(),
            bindings: self.bindings.clone(),
            hide_trivial: true,
            fold: true,
            arrangement,
            matched: self.matched(),
            amounts: self.size.map(|q| self.amounts(q).grains()),
            ..LayoutRequest::default()
        };
        layout::layout(&self.network, &request)
    }

    pub(crate) fn first_input(&self) -> Input {
        match self.samples {
            Some(_) => Input::Sample(0),
            None => Input::None,
        }
    }

    /// The arrays that a pass over `input` starts from; `None` without input.
    pub(crate) fn arrays(&self, input: &Input) -> Result<Option<Arrays>, String> {
        let picture = match input {
            Input::None => return Ok(None),
            Input::Sample(i) => self
                .samples
                .as_ref()
                .map(|s| s.picture(*i))
                .ok_or("there is no data set")?,
            Input::Picture { picture, .. } | Input::Drawing(picture) => (**picture).clone(),
            Input::Text(texts) => return Ok(Some(self.feed(texts)?.arrays)),
            Input::Arrays { name, arrays } => {
                let first = self.sides.first().map_or(&self.source, |s| &s.network);
                let arrays = compute::inputs::named(first, arrays.to_vec());
                let arrays = arrays.map_err(|e| e.in_files(&self.file, name))?;
                let arrays = self.for_each_side(&arrays);
                compute::inputs::check(&self.source, &arrays).map_err(|e| e.in_files(&self.file, name))?;
                return Ok(Some(arrays));
            }
        };
        let fed = |file: &str, how: &Option<Preprocess>, input: Option<&TensorId>| {
            let refused = || format!("{file}: a picture was given, but the network does not take one");
            let (how, input) = how.as_ref().zip(input).ok_or_else(refused)?;
            let array = data::apply(how, &picture).map_err(|e| e.to_string())?;
            Ok((self.source.tensor(*input).name.clone(), array))
        };
        let members = self.source.members.iter();
        let sides: Result<Arrays, String> = match self.sides.is_empty() {
            true => {
                let input = self.source.main().inputs.first();
                fed(&self.file, &self.preprocess, input).map(|a| vec![a])
            }
            false => self
                .sides
                .iter()
                .zip(members)
                .map(|(s, m)| fed(&s.file, &s.preprocess, m.inputs.first()))
                .collect(),
        };
        sides.map(Some)
    }

    /// Arrays under the names of one network, as each of those that are compared wants them.
    fn for_each_side(&self, arrays: &Arrays) -> Arrays {
        if self.sides.is_empty() {
            return arrays.clone();
        }
        let wanted = |name: &str| {
            self.source
                .main()
                .inputs
                .iter()
                .any(|t| self.source.tensor(*t).name == name)
        };
        let members = &self.source.members;
        arrays
            .iter()
            .flat_map(|(name, array)| {
                let named = members.iter().map(|m| m.named(name)).filter(|n| wanted(n));
                let named: Vec<String> = named.collect();
                let names = if named.is_empty() {
                    vec![name.clone()]
                } else {
                    named
                };
                names.into_iter().map(|n| (n, array.clone()))
            })
            .collect()
    }

    pub(crate) fn clear_pass(&mut self) {
        (self.trace, self.gradients) = (None, None);
        self.amounts = Default::default();
        self.passed += 1;
    }

    /// Forgets quantities that were counted from what was recorded.
    pub(crate) fn forget_recorded(&mut self) {
        self.told += 1;
        for quantity in Quantity::all().filter(|q| q.recorded().is_some()) {
            self.amounts[quantity as usize] = OnceLock::new();
        }
    }

    /// Takes a pass in; symbolic sizes become those of the pass.
    pub(crate) fn set_pass(&mut self, trace: Trace) {
        for (id, tensor) in &trace.tensors {
            let spec = &mut self.network.tensors[id.0 as usize].spec;
            let roles: Vec<_> = spec.axes.iter().flatten().map(|a| a.role).collect();
            let shape: Vec<u64> = tensor.shape.iter().map(|&d| d as u64).collect();
            *spec = TensorSpec::fixed(tensor.dtype, &shape);
            if let Some(axes) = spec.axes.as_mut().filter(|a| a.len() == roles.len()) {
                axes.iter_mut()
                    .zip(roles)
                    .for_each(|(axis, role)| axis.role = role);
            }
        }
        self.cost = model::cost(&self.network, &self.bindings);
        self.trace = Some(Arc::new(trace));
        self.amounts = Default::default();
        self.gradients = None;
        self.passed += 1;
    }

    /// True when every parameter has its values: the network can be run.
    pub fn weighted(&self) -> bool {
        weighted(&self.network)
    }

    /// Sets the size of a symbol.
    pub(crate) fn bind(&mut self, symbol: String, size: u64) {
        self.bindings.insert(symbol, size);
        self.amounts = Default::default();
        self.cost = model::cost(&self.network, &self.bindings);
    }

    /// The scope with this path. The scopes of repeats may be left out of it, for the file does not
    /// name them.
    pub fn scope(&self, path: &str) -> Option<ScopeId> {
        let scopes = &self.network.scopes;
        let all = || (1..scopes.scopes.len() as u32).map(ScopeId);
        let exact = all().find(|&s| scopes.path(s) == path);
        exact.or_else(|| all().find(|&s| folds::plain(scopes, s) == path))
    }

    /// Name of a volume: that of its layer or tensor, or its scope's path.
    pub fn name(&self, node: Node) -> String {
        match node {
            Node::Layer(l) => self.network.layer(l).name.clone(),
            Node::Scope(s) => self.network.scopes.path(s),
            Node::Input(t) | Node::Output(t) => self.network.tensor(t).name.clone(),
        }
    }

    /// The volume of this name, where it is shown, or the scope of this path, open or closed.
    pub fn find(&self, name: &str) -> Option<Node> {
        let volumes = self.layout.volumes.iter().map(|v| v.node);
        let shown = volumes.into_iter().find(|&n| self.named(n, name));
        shown.or_else(|| self.scope(name).map(Node::Scope))
    }

    /// Whether [`Document::name`] of `node` is `name`, without making the name.
    fn named(&self, node: Node, name: &str) -> bool {
        match node {
            Node::Layer(l) => self.network.layer(l).name == name,
            Node::Scope(s) => self.network.scopes.path(s) == name,
            Node::Input(t) | Node::Output(t) => self.network.tensor(t).name == name,
        }
    }

    /// The layer of this name.
    pub(crate) fn layer(&self, name: &str) -> Result<Node, String> {
        let layer = self.network.layer_named(name);
        let layer = layer.ok_or_else(|| format!("{}: nothing is named {name:?}", self.file))?;
        Ok(Node::Layer(layer))
    }

    /// The connection that carries `tensor` from one volume to another, where it is shown.
    pub fn connection(&self, tensor: &str, from: &str, to: &str) -> Option<Connection> {
        let volume = |index: usize| self.layout.volumes[index].node;
        let links = self.layout.links.iter().map(|l| Connection {
            from: volume(l.from),
            to: volume(l.to),
            tensor: l.tensor,
        });
        let named = |node: Node, name: &str| self.name(node) == name;
        links
            .filter(|c| self.network.tensor(c.tensor).name == tensor)
            .find(|c| named(c.from, from) && named(c.to, to))
    }

    /// Tensors that volumes show.
    pub fn shown(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.layout.volumes.iter().filter_map(|v| v.tensor)
    }
}
