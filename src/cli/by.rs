//! `layerscope inspect --by`: layers by a quantity, largest first.

use std::path::PathBuf;

use serde_json::{Value, json};
use session::{Command, Document, Level, Quantity, Session, Source};

use crate::Failure;

/// Prints the layers of a file by `quantity`, for people or as JSON.
pub fn by(
    file: PathBuf,
    as_json: bool,
    bindings: Vec<(String, u64)>,
    quantity: Quantity,
    inputs: Option<PathBuf>,
) -> Result<(), Failure> {
    let mut session = Session::new();
    let name = file.display().to_string();
    let feed = inputs.map(|f| Command::Feed(Source::File(f)));
    let bound = bindings.into_iter().map(|(name, size)| Command::Bind(name, size));
    let open = std::iter::once(Command::Open(Source::File(file)));
    for command in open.chain(bound).chain(feed) {
        session.apply(command);
        session.wait();
        let wrong = session.log.iter().find(|(level, _)| *level == Level::Error);
        if let Some((_, problem)) = wrong {
            return Err(Failure::Other(problem.clone()));
        }
    }
    let document = session.document.as_ref();
    let document = document.ok_or_else(|| Failure::Other(format!("{name}: nothing was read")))?;
    if document.amounts(quantity).total.is_none() {
        let problem = format!(
            "{name}: the {} is not known; --inputs FILE runs the network first",
            quantity.name()
        );
        return Err(Failure::Other(problem));
    }
    match as_json {
        true => crate::print(&format!("{:#}", table(document, quantity))),
        false => crate::print(&text(document, quantity)),
    }
}

fn table(document: &Document, quantity: Quantity) -> Value {
    let share = |s: f64| quantity.adds().then_some(s);
    let row = |r: &session::Ranked| {
        let layer = document.network.layer(r.layer);
        json!({
            "name": layer.name,
            "op": layer.kind,
            "value": r.value,
            "share": share(r.share),
            "cumulative_share": share(r.together),
        })
    };
    json!({
        "name": document.network.name,
        "by": quantity.id(),
        "total": document.amounts(quantity).total,
        "layers": document.ranked(quantity).iter().map(row).collect::<Vec<_>>(),
    })
}

fn text(document: &Document, quantity: Quantity) -> String {
    let rows = document.ranked(quantity);
    let name = |r: &session::Ranked| document.network.layer(r.layer).name.chars().count();
    let width = rows.iter().map(name).max().unwrap_or(0).clamp(5, 60);
    let total = document.amounts(quantity).total.unwrap_or(0.0);
    let unit = quantity.unit();
    let mut out = format!(
        "{}: {} {unit} in all\n\n{:width$}  {:20}  {:>14}",
        quantity.name(),
        quantity.write(total).trim(),
        "layer",
        "op",
        quantity.id(),
    );
    if quantity.adds() {
        out += "   share  together";
    }
    for row in rows {
        let layer = document.network.layer(row.layer);
        out += &format!(
            "\n{:width$}  {:20}  {:>14}",
            layer.name,
            layer.kind,
            quantity.write(row.value)
        );
        if quantity.adds() {
            out += &format!("  {:5.1} %   {:5.1} %", 100.0 * row.share, 100.0 * row.together);
        }
    }
    out
}
