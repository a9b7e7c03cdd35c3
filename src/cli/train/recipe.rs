//! Recipes: TOML files that say what is trained on what, and how.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use compute::train::{Loss, Plan};
use data::Generated;
use data::sentences::{Part, Reading};
use model::templates::Template;
use model::{Dataset, Network, Targets};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::Failure;

/// Largest recipe that is read, bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What a recipe says, still without data and network.
#[derive(Debug)]
pub struct Recipe {
    file: String,
    folder: PathBuf,
    /// Its own text, for the record.
    pub text: String,
    model: Model,
    data: Source,
    /// How it is trained.
    pub plan: Plan,
}

/// The `[model]` section.
#[derive(Debug)]
enum Model {
    File(PathBuf),
    Template(Template),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileModel {
    file: PathBuf,
}

/// The `[data]` section.
#[derive(Debug)]
enum Source {
    Stored(Stored),
    Generated(Generated, f64),
}

/// Data sets that are read.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Stored {
    /// The sample that is built in.
    FashionSample {
        #[serde(default = "fifth")]
        validation: f64,
    },
    FashionMnist {
        path: Option<PathBuf>,
    },
    Mnist {
        path: Option<PathBuf>,
    },
    Cifar10 {
        path: Option<PathBuf>,
    },
    Npz {
        path: Option<PathBuf>,
        #[serde(default = "fifth")]
        validation: f64,
    },
    Series {
        path: Option<PathBuf>,
        #[serde(default)]
        columns: Vec<String>,
        #[serde(default)]
        targets: Vec<String>,
        window: usize,
        #[serde(default = "one")]
        ahead: usize,
        #[serde(default = "fifth")]
        validation: f64,
    },
    /// Sentences with ratings or classes.
    Sentences(Sentences),
}

/// What is made of sentences: [`data::sentences::Reading`], and of what tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sentences {
    path: Option<PathBuf>,
    /// Tokens of the vocabulary that is learned from the training part.
    vocabulary: usize,
    /// Tokens of each text.
    length: usize,
    text: String,
    rating: String,
    class: Option<String>,
    document: Option<String>,
    neutral: f64,
    keep_neutral: bool,
    validation: f64,
    test: f64,
}

impl Default for Sentences {
    fn default() -> Self {
        let usual = Reading::default();
        Sentences {
            path: None,
            vocabulary: 3000,
            length: 64,
            text: usual.text,
            rating: usual.rating,
            class: usual.class,
            document: usual.document,
            neutral: usual.neutral,
            keep_neutral: usual.keep_neutral,
            validation: usual.validation,
            test: usual.test,
        }
    }
}

impl Sentences {
    fn reading(&self) -> Reading {
        Reading {
            text: self.text.clone(),
            rating: self.rating.clone(),
            class: self.class.clone(),
            document: self.document.clone(),
            neutral: self.neutral,
            keep_neutral: self.keep_neutral,
            validation: self.validation,
            test: self.test,
        }
    }

    /// The examples, and the tokenizer that made them.
    fn dataset(&self, path: &Path) -> Result<(Dataset, Option<Vec<u8>>), Failure> {
        let sentences = data::sentences::read(path, &self.reading())?;
        let bytes = data::text::learn(&sentences.texts(Part::Training), self.vocabulary)?;
        let tokenizer = Arc::new(data::Tokenizer::from_bytes(bytes.clone().into())?);
        Ok((sentences.dataset(&tokenizer, self.length)?, Some(bytes)))
    }
}

impl Stored {
    /// What is made of a series.
    fn windows(&self) -> Option<data::series::Windows> {
        match self {
            Stored::Series {
                columns,
                targets,
                window,
                ahead,
                ..
            } => Some(data::series::Windows {
                columns: columns.clone(),
                targets: targets.clone(),
                window: *window,
                ahead: *ahead,
            }),
            _ => None,
        }
    }
}

/// Kinds of [`Generated`].
const GENERATED: [&str; 4] = ["moons", "circles", "spirals", "sines"];

fn fifth() -> f64 {
    0.2
}

fn one() -> usize {
    1
}

/// What is trained.
pub struct Training {
    /// The network with its first weights.
    pub network: Arc<Network>,
    /// The examples.
    pub data: Arc<Dataset>,
    /// Of a series the loss of saying that nothing changes.
    pub persistence: Option<f64>,
    /// Of texts the `tokenizer.json` that the network's tokens are of.
    pub tokenizer: Option<Vec<u8>>,
}

impl Recipe {
    /// Reads the recipe at `path`.
    ///
    /// # Errors
    /// [`Failure`] that names the file, the key and what was expected.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let problem = |e: String| Failure::Other(format!("{file}: {e}"));
        let length = std::fs::metadata(path).map_err(|e| problem(e.to_string()))?.len();
        if length > MAX_BYTES {
            return Err(problem(format!(
                "{length} bytes, a recipe has at most {MAX_BYTES}"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|e| problem(e.to_string()))?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::parse(&file, folder, text)
    }

    /// The recipe in `text`; paths in it begin at `folder`, `file` names it in errors.
    ///
    /// # Errors
    /// As [`Recipe::read`].
    pub fn parse(file: &str, folder: PathBuf, text: String) -> Result<Self, Failure> {
        let problem = |e: String| Failure::Other(format!("{file}: {e}"));
        let mut root: Table = toml::from_str(&text).map_err(|e| problem(e.to_string()))?;
        let known = ["model", "data", "training"];
        if let Some(key) = root.keys().find(|k| !known.contains(&k.as_str())) {
            return Err(problem(format!(
                "{key}: unknown; the sections [model], [data] and [training] are expected"
            )));
        }
        let mut section = |name: &str| match root.remove(name) {
            Some(Value::Table(table)) => Ok(table),
            Some(_) => Err(problem(format!("{name}: a section [{name}] is expected"))),
            None => Err(problem(format!("the section [{name}] is missing"))),
        };
        let (model, mut data, training) = (section("model")?, section("data")?, section("training")?);
        let model = match model.contains_key("file") {
            true => Model::File(of::<FileModel>("model", model).map_err(problem)?.file),
            false => Model::Template(of("model", model).map_err(problem)?),
        };
        let kind = data.get("kind").and_then(Value::as_str).unwrap_or("").to_string();
        let data = if GENERATED.contains(&kind.as_str()) {
            let share = match data.remove("validation") {
                None => fifth(),
                Some(Value::Float(share)) => share,
                Some(Value::Integer(share)) => share as f64,
                Some(other) => {
                    let found = other.type_str();
                    return Err(problem(format!(
                        "data: validation: a number from 0 to below 1 is expected, {found} found"
                    )));
                }
            };
            Source::Generated(of("data", data).map_err(problem)?, share)
        } else {
            let unknown = |e: String| match e.contains("unknown variant") {
                true => format!("{e}; or {}", GENERATED.join(", ")),
                false => e,
            };
            Source::Stored(of("data", data).map_err(unknown).map_err(problem)?)
        };
        let plan: Plan = of("training", training).map_err(problem)?;
        plan.check().map_err(|e| problem(format!("training: {e}")))?;
        let recipe = Recipe {
            file: file.to_string(),
            folder,
            text,
            model,
            data,
            plan,
        };
        let share = recipe.validation();
        if !(0.0..1.0).contains(&share) {
            return Err(problem(format!(
                "data: validation is {share}: a number from 0 to below 1 is expected"
            )));
        }
        Ok(recipe)
    }

    fn validation(&self) -> f64 {
        match &self.data {
            Source::Generated(_, share) => *share,
            Source::Stored(
                Stored::FashionSample { validation }
                | Stored::Npz { validation, .. }
                | Stored::Series { validation, .. },
            ) => *validation,
            Source::Stored(Stored::Sentences(s)) => s.validation,
            Source::Stored(_) => 0.0,
        }
    }

    /// Reads data and network. `data` and `model` stand in for the paths of the recipe.
    ///
    /// # Errors
    /// [`Failure`] for files that cannot be read, and for a network that is not for these examples.
    pub fn prepare(&self, data: Option<&Path>, model: Option<&Path>) -> Result<Training, Failure> {
        let (mut set, tokenizer) = self.dataset(data)?;
        if let Loss::Vae { .. } = self.plan.loss {
            set.targets = Targets::Inputs;
        }
        let problem = |e: String| Failure::Other(format!("{}: {e}", self.file));
        let set = Arc::new(set);
        let network = match (&self.model, model) {
            (_, Some(path)) => formats::open(path)?,
            (Model::File(path), None) => formats::open(&self.folder.join(path))?,
            (Model::Template(template), None) => {
                let input = set
                    .inputs
                    .first()
                    .ok_or_else(|| problem("data: no input".into()))?;
                let shape: Vec<u64> = input.shape.iter().map(|&d| d as u64).collect();
                let name = Path::new(&self.file).file_stem();
                let name = name.map_or("trained".into(), |s| s.to_string_lossy().into_owned());
                let mut template = template.clone();
                if let (Template::Transformer(t), Some(bytes)) = (&mut template, &tokenizer) {
                    t.vocabulary = data::Tokenizer::from_bytes(bytes.clone().into())?.vocabulary() as u64;
                }
                template
                    .build(&name, &shape, outputs(&set), self.plan.seed)
                    .map_err(|e| problem(format!("model: {e}")))?
            }
        };
        let persistence = match (&self.data, &self.plan.loss) {
            (Source::Stored(stored @ Stored::Series { .. }), Loss::Mse {}) => {
                stored.windows().and_then(|w| data::series::persistence(&set, &w))
            }
            _ => None,
        };
        Ok(Training {
            network: Arc::new(network),
            data: set,
            persistence,
            tokenizer,
        })
    }

    /// The examples, and of texts the tokenizer that made them.
    fn dataset(&self, instead: Option<&Path>) -> Result<(Dataset, Option<Vec<u8>>), Failure> {
        let seed = self.plan.seed;
        let stored = match &self.data {
            Source::Generated(generated, share) => return Ok((generated.make(*share, seed)?, None)),
            Source::Stored(stored) => stored,
        };
        let at = |path: &Option<PathBuf>| match (instead, path) {
            (Some(path), _) => Ok(path.to_path_buf()),
            (None, Some(path)) => Ok(self.folder.join(path)),
            (None, None) => Err(Failure::Other(format!(
                "{}: data: a path is expected, here or with --data",
                self.file
            ))),
        };
        let set = match stored {
            Stored::FashionSample { validation } => data::fashion_sample().dataset(*validation, seed),
            Stored::FashionMnist { path } => data::idx::fashion_mnist(&at(path)?)?.dataset(),
            Stored::Mnist { path } => data::idx::mnist(&at(path)?)?.dataset(),
            Stored::Cifar10 { path } => data::cifar::folder(&at(path)?)?.dataset(),
            Stored::Npz { path, validation } => data::arrays::read(&at(path)?, *validation, seed)?,
            Stored::Series { path, validation, .. } => {
                let windows = stored.windows().unwrap_or_default();
                data::series::read(&at(path)?, &windows, *validation)?
            }
            Stored::Sentences(s) => return s.dataset(&at(&s.path)?),
        };
        Ok((set, None))
    }
}

/// The numbers that a network should give for one example.
fn outputs(set: &Dataset) -> u64 {
    match &set.targets {
        Targets::Classes(column) => {
            let all: Vec<u32> = (0..set.len() as u32).collect();
            let most = column.ints(&all).into_iter().max().unwrap_or(0).max(0) as u64 + 1;
            most.max(set.classes.len() as u64)
        }
        Targets::Values(column) => column.width() as u64,
        Targets::Inputs => set.inputs.first().map_or(1, |c| c.width() as u64),
    }
}

/// A section as `T`; `Err` names the section and the key.
fn of<T: DeserializeOwned>(section: &str, table: Table) -> Result<T, String> {
    let read = |table: Table| Value::Table(table).try_into::<T>();
    let error = match read(table.clone()) {
        Ok(value) => return Ok(value),
        Err(error) => error.to_string(),
    };
    // Fields of a kind are read from a copy that no longer knows their names: the key at fault is the
    // one without which the rest can be read.
    let fits_without = |path: &[&str]| {
        let mut rest = table.clone();
        match path {
            [key] => drop(rest.remove(*key)),
            [outer, inner] => {
                if let Some(Value::Table(held)) = rest.get_mut(*outer) {
                    held.remove(*inner);
                }
            }
            _ => {}
        }
        read(rest).is_ok()
    };
    let mut culprit = String::new();
    if let Some((key, value)) = table.iter().find(|(key, _)| fits_without(&[key.as_str()])) {
        let inner = value.as_table().into_iter().flat_map(|t| t.keys());
        let inner = inner
            .into_iter()
            .find(|inner| fits_without(&[key.as_str(), inner.as_str()]));
        culprit = match inner {
            Some(inner) => format!("{key}.{inner}: "),
            None => format!("{key}: "),
        };
    }
    let error = error.lines().next().unwrap_or_default();
    Err(format!("{section}: {culprit}{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = r#"
[model]
template = "mlp"
hidden = [8]

[data]
kind = "moons"
count = 60

[training]
epochs = 2
optimizer = { kind = "nesterov", momentum = 0.8 }
schedule = { kind = "one_cycle" }
clip = { norm = 1.0 }
"#;

    fn parse(text: &str) -> Result<Recipe, String> {
        Recipe::parse("r.toml", PathBuf::new(), text.into()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_recipe_becomes_network_and_data() {
        let recipe = parse(RECIPE).unwrap();
        let training = recipe.prepare(None, None).unwrap();
        assert_eq!(training.data.validation.len(), 12);
        let out = training.network.main().outputs[0];
        assert_eq!(training.network.tensor(out).spec.to_string(), "float32 [N, 2]");
        assert_eq!(recipe.plan.clip, compute::train::Clip::Norm(1.0));
    }

    #[test]
    fn what_is_wrong_names_file_key_and_what_is_expected() {
        let cases = [
            (
                "[model]\n",
                "[madel]\n",
                &["r.toml: madel: unknown", "[model]"][..],
            ),
            (
                "hidden",
                "hiden",
                &["model:", "unknown field `hiden`", "`hidden`"],
            ),
            (
                "\"mlp\"",
                "\"cnn\"",
                &["model:", "unknown variant `cnn`", "`residual_cnn`"],
            ),
            ("[8]", "8", &["model: hidden: invalid type"]),
            (
                "\"moons\"",
                "\"moon\"",
                &["data:", "unknown variant `moon`", "fashion_mnist", "spirals"],
            ),
            (
                "count = 60",
                "count = \"x\"",
                &["data: count: invalid type: string \"x\""],
            ),
            ("0.8", "\"x\"", &["training: optimizer.momentum: invalid type"]),
            (
                "count = 60",
                "validation = true",
                &["data: validation", "boolean"],
            ),
            ("count = 60", "validation = 1.5", &["data: validation is 1.5"]),
            ("epochs = 2", "epochs = 0", &["training: epochs is 0: at least 1"]),
            (
                "epochs = 2",
                "epoch = 2",
                &["training:", "unknown field `epoch`", "`epochs`"],
            ),
            (
                "epochs = 2",
                "learning_rate = \"fast\"",
                &["training: learning_rate: invalid type", "fast"],
            ),
            ("0.8", "1.5", &["optimizer.momentum is 1.5: a number from 0"]),
            (
                "\"one_cycle\"",
                "\"oncycle\"",
                &["training:", "unknown variant `oncycle`", "schedule"],
            ),
            ("[data]", "[data", &["r.toml:", "line 6"]),
        ];
        for (from, to, wanted) in cases {
            let found = parse(&RECIPE.replacen(from, to, 1)).unwrap_err();
            for part in wanted {
                assert!(found.contains(part), "{to}: {found}");
            }
        }
        let found = parse("[model]\ntemplate = \"mlp\"\n[training]\n").unwrap_err();
        assert_eq!(found, "r.toml: the section [data] is missing");
        let recipe = RECIPE.replace("\"moons\"\ncount = 60", "\"cifar10\"");
        let missing = parse(&recipe)
            .unwrap()
            .prepare(None, None)
            .map(|_| ())
            .unwrap_err();
        assert!(missing.to_string().contains("--data"), "{missing}");
    }

    /// Those that need no file take two steps.
    #[test]
    fn every_recipe_of_the_project_is_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/recipes");
        let mut taken = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let recipe = Recipe::read(&path).unwrap();
            let Ok(training) = recipe.prepare(None, None) else {
                let text = &recipe.text;
                assert!(text.contains("--data"), "{}: it names no data", path.display());
                continue;
            };
            let device = compute::Device::Cpu;
            let mut trainer =
                compute::train::Trainer::new(training.network, training.data, recipe.plan, &device).unwrap();
            for _ in 0..2 {
                let step = compute::wait(trainer.step()).unwrap().unwrap();
                assert!(
                    step.loss.is_finite() && step.problem.is_none(),
                    "{}",
                    path.display()
                );
            }
            taken += 1;
        }
        assert_eq!(taken, 4);
    }
}
