//! What the search understands: words that all must hold, each a part of a name or operator, a size,
//! or a shape of the output or of weights (`768x3072`, `?x384`, `[1,64,56,56]`).

use model::{Dim, Layer, Network, ScopeId, TensorId, TensorKind};

/// For the search field.
pub const HINT: &str = "Name, operator, or shape such as 3x3 or ?x384";
/// For its hover.
pub const ABOUT: &str = "Words that all must hold: a part of a name or operator (conv), a size (64), \
     or sizes in a row of the output or of weights (768x3072, ?x384). [1,64,56,56] is a whole shape, \
     and ? any size.";

/// A search, read.
pub struct Query {
    words: Vec<Word>,
}

struct Word {
    /// In lower case.
    text: String,
    shape: Option<Shape>,
}

/// Sizes in a row; `None` stands for any.
struct Shape {
    sizes: Vec<Option<String>>,
    /// There are no others.
    whole: bool,
}

impl Query {
    /// Reads `text`. Spaces inside brackets do not part words.
    pub fn read(text: &str) -> Self {
        let mut words = vec![String::new()];
        let mut inside = false;
        for c in text.chars().flat_map(char::to_lowercase) {
            match c {
                '[' | '(' => inside = true,
                ']' | ')' => inside = false,
                _ => (),
            }
            match (c.is_whitespace(), inside) {
                (true, false) => words.push(String::new()),
                (true, true) => (),
                _ => words.last_mut().into_iter().for_each(|w| w.push(c)),
            }
        }
        words.retain(|w| !w.is_empty());
        let words = words.into_iter().map(|text| Word {
            shape: Shape::read(&text),
            text,
        });
        Query {
            words: words.collect(),
        }
    }

    /// True where every word is found in the scope's path or kind.
    pub fn holds_scope(&self, network: &Network, scope: ScopeId) -> bool {
        let path = network.scopes.path(scope).to_lowercase();
        let kind = &network.scopes.get(scope).kind;
        let mut words = self.words.iter();
        words.all(|w| path.contains(&w.text) || kind.to_lowercase().contains(&w.text))
    }

    /// True where every word is found in the layer's name, operator, output or weights.
    pub fn holds(&self, network: &Network, layer: &Layer) -> bool {
        let name = layer.name.to_lowercase();
        let kind = layer.kind.to_lowercase();
        let shapes = || {
            let stored = layer.inputs.iter().flatten().copied();
            let stored = stored.filter(|&t| {
                let tensor = network.tensor(t);
                tensor.kind == TensorKind::Parameter || tensor.data.is_some()
            });
            let all = stored.chain(layer.outputs.iter().flatten().copied());
            all.filter_map(|t: TensorId| network.tensor(t).spec.dims())
        };
        self.words.iter().all(|w| {
            let shaped = |s: &Shape| shapes().any(|dims| s.holds(&dims));
            name.contains(&w.text) || kind.contains(&w.text) || w.shape.as_ref().is_some_and(shaped)
        })
    }
}

impl Shape {
    fn read(text: &str) -> Option<Self> {
        let brackets = [('[', ']'), ('(', ')')];
        let inner = brackets
            .iter()
            .find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
        let whole = inner.is_some();
        let pieces = inner.unwrap_or(text).split([',', 'x', '×', '*']);
        let sizes: Vec<Option<String>> = pieces.map(|p| (p != "?").then(|| p.to_string())).collect();
        let size = |s: &Option<String>| s.as_ref().is_none_or(|s| !s.is_empty());
        let number = |s: &Option<String>| s.as_ref().is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit()));
        // One size alone is a number; a word is no shape.
        let meant = whole || sizes.len() > 1 || sizes.iter().all(number);
        (meant && sizes.iter().all(size)).then_some(Shape { sizes, whole })
    }

    fn holds(&self, dims: &[Dim]) -> bool {
        let same = |(size, dim): (&Option<String>, &Dim)| {
            size.as_ref().is_none_or(|s| match dim.known() {
                Some(n) => s.parse() == Ok(n),
                None => dim.to_string().to_lowercase() == *s,
            })
        };
        let fits = |window: &[Dim]| self.sizes.iter().zip(window).all(same);
        match self.whole {
            true => dims.len() == self.sizes.len() && fits(dims),
            false => dims.windows(self.sizes.len()).any(fits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layers of the template network that `text` finds.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let network = model::templates::residual_cnn("t", 1, 28, 10, 16, 1);
        let query = Query::read(text);
        let found = network.layers.iter().filter(|l| query.holds(&network, l));
        let names: Vec<&str> = found.map(|l| l.name.as_str()).collect();
        assert_eq!(names, expected, "{text}");
    }

    #[test]
    fn names_operators_sizes_and_shapes() {
        check("classifier", &["head/classifier"]);
        check("HEAD gemm", &["head/classifier"]);
        check("conv 1x1", &["block1/skip", "block2/skip"]);
        check("conv 3x3 32x16", &["block1/conv1"]);
        check("10x64", &["head/classifier"]);
        check("?x64 gemm", &["head/classifier"]);
        check("[10, 64]", &["head/classifier"]);
        check("[64]  add", &[]);
        check("gemm 10", &["head/classifier"]);
        check("[n,64,1,1]", &["head/pool"]);
        check("x", &[]);
        check("nothing", &[]);
        check("3x", &[]);
    }

    #[test]
    fn scopes_are_found_by_path_and_kind() {
        let network = model::templates::residual_cnn("t", 1, 28, 10, 16, 1);
        let found = |text: &str| {
            let query = Query::read(text);
            let all = (1..network.scopes.scopes.len() as u32).map(ScopeId);
            all.filter(|&s| query.holds_scope(&network, s)).count()
        };
        assert_eq!((found("block1"), found("64")), (1, 0));
        assert!(found("residual") >= 2);
    }
}
