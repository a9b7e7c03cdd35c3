//! The list of cases that do not pass, and the report.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::Ran;
use crate::suite::{GROUPS, Outcome};

/// One line a case that does not pass: its name, a tab, and why.
pub fn list(ran: &[Ran]) -> String {
    let open = ran.iter().filter(|r| r.outcome != Outcome::Passed);
    open.map(|r| format!("{}\t{}\n", r.case.name, reason(r)))
        .collect()
}

fn line(outcome: &Outcome) -> String {
    outcome.to_string().replace(['\n', '\t'], " ").replace('|', "/")
}

/// Why cases do not pass that compute something else on purpose, by the beginning of their names.
const REASONS: &[(&str, &str)] = &[
    (
        "test_bernoulli",
        "random: the expected numbers come from the state that NumPy's generator was in",
    ),
    (
        "test_dft_inverse",
        "the expected number is the rounding error of the suite's own transform where the result is 0",
    ),
    ("test_image_decoder_decode_jpeg2k", "JPEG 2000 is not read"),
    (
        "test_image_decoder_decode_jpeg",
        "another JPEG decoder than the suite's: its inverse cosine transform rounds differently",
    ),
];

fn reason(ran: &Ran) -> String {
    let known = REASONS.iter().find(|(start, _)| ran.case.name.starts_with(start));
    match known {
        Some((_, why)) => format!("{why} ({})", line(&ran.outcome)),
        None => line(&ran.outcome),
    }
}

fn passed(ran: &[&Ran]) -> usize {
    ran.iter().filter(|r| r.outcome == Outcome::Passed).count()
}

/// A line a group.
pub fn totals(ran: &[Ran]) -> String {
    let mut text = String::new();
    for group in GROUPS {
        let of: Vec<&Ran> = ran.iter().filter(|r| r.case.group == group).collect();
        let _ = writeln!(text, "{group}: {} of {} pass", passed(&of), of.len());
    }
    text
}

/// The operator that a case is about; an expanded one is about that of the case it expands.
fn operator<'a>(ran: &'a Ran, known: &BTreeMap<&str, &'a str>) -> &'a str {
    let base = ran.case.name.split("_expanded").next().unwrap_or_default();
    let own = ran.operator.as_deref();
    known.get(base).copied().or(own).unwrap_or("several")
}

/// `docs/conformance-onnx.md`.
pub fn document(ran: &[Ran]) -> String {
    let mut text = String::from(
        "# ONNX backend suite\n\n\
         Written by `cargo test -p compute --test conformance` with `LAYERSCOPE_ONNX_SUITE` naming \
         the folder `onnx/backend/test/data` of PyPI onnx 1.22.0 and `LAYERSCOPE_CONFORMANCE=write`. \
         Every case runs on the processor. Integers, booleans, strings, element types and shapes \
         must be equal; floats agree within 1e-3 of their value and 1e-7, bfloat16 within the \
         distance of two neighbouring values (2^-7). All floats are computed in float32.\n\n\
         | group | cases | pass |\n| --- | --- | --- |\n",
    );
    for group in GROUPS {
        let of: Vec<&Ran> = ran.iter().filter(|r| r.case.group == group).collect();
        let _ = writeln!(text, "| {group} | {} | {} |", of.len(), passed(&of));
    }
    let _ = writeln!(
        text,
        "\nA case also fails where shape inference contradicts the shapes that its file states."
    );
    let node = || ran.iter().filter(|r| r.case.group == "node");
    let single = node().filter_map(|r| Some((r.case.name.as_str(), r.operator.as_deref()?)));
    let known: BTreeMap<&str, &str> = single.collect();
    let mut operators: BTreeMap<&str, Vec<&Ran>> = BTreeMap::new();
    node().for_each(|r| operators.entry(operator(r, &known)).or_default().push(r));
    text.push_str("\n## By operator\n\nOf the node group: passing cases of all.\n\n");
    let part = |(name, of): (&&str, &Vec<&Ran>)| format!("{name} {}/{}", passed(of), of.len());
    let parts: Vec<String> = operators.iter().map(part).collect();
    text.push_str(&parts.join(", "));
    text.push_str(".\n\n## Cases that do not pass\n\n| case | why |\n| --- | --- |\n");
    for r in ran.iter().filter(|r| r.outcome != Outcome::Passed) {
        let _ = writeln!(text, "| {} | {} |", r.case.name, reason(r));
    }
    text
}
