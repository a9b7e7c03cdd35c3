//! Text that flows: a field to write it in, and the tokens that it became.

use std::sync::Arc;

use egui::{Key, Label, Modifiers, RichText, ScrollArea, Sense, TextEdit, Ui, vec2};
use session::{Command, Document, Input, Text};

use crate::Memory;

/// Characters of the field; more comes by file or command line.
const MOST: usize = 20_000;

/// Tokens that are drawn.
const SHOWN: usize = 1000;

/// Characters of a token that are drawn.
const LONGEST: usize = 24;

#[derive(Default)]
struct State {
    draft: String,
    /// The texts that the field last took over.
    taken: Option<Arc<[String]>>,
}

/// Draws the field where `document` takes text. False where its inputs are no tokens.
pub fn show(
    ui: &mut Ui,
    document: &Document,
    input: &Input,
    memory: &mut Memory,
    out: &mut Vec<Command>,
) -> bool {
    match &document.text {
        Text::No(_) => return false,
        _ if !document.weighted() => return false,
        Text::Missing(_, why) => {
            let text =
                format!("Text cannot be given: there is {why}. Drop a tokenizer's files on the window.");
            ui.add(Label::new(RichText::new(text).weak()).wrap());
            return *input != Input::None;
        }
        Text::Ready(..) => {}
    }
    let state = memory.of::<State>();
    if let Input::Text(texts) = input
        && state.taken.as_ref() != Some(texts)
    {
        // What a command or undo brought.
        state.draft = texts.join("\n");
        state.taken = Some(texts.clone());
    }
    let field = TextEdit::multiline(&mut state.draft)
        .hint_text("Write a text here; one a line for several")
        .char_limit(MOST)
        .desired_rows(3)
        .desired_width(f32::INFINITY);
    let field = ui.add(field);
    let enter = field.has_focus() && ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter));
    let texts = || {
        state
            .draft
            .lines()
            .map(String::from)
            .filter(|t| !t.trim().is_empty())
    };
    let any = texts().next().is_some();
    ui.horizontal(|ui| {
        let button = ui.add_enabled(any, egui::Button::new("Run"));
        if button
            .on_hover_text("Let the text flow through (Ctrl+Enter)")
            .clicked()
            || enter && any
        {
            out.push(Command::Text(texts().collect()));
        }
        if let Some(tokens) = &document.tokens {
            let count = tokens.first().map_or(0, Vec::len);
            let text = match tokens.len() {
                1 => format!("{count} tokens"),
                n => format!("{n} × {count} tokens"),
            };
            ui.weak(text);
        }
    });
    if let Some(tokens) = &document.tokens {
        ScrollArea::vertical()
            .auto_shrink(false)
            .show(ui, |ui| rows(ui, tokens));
    }
    true
}

/// The tokens of each text, in the order of its axis.
fn rows(ui: &mut Ui, tokens: &[Vec<String>]) {
    ui.spacing_mut().item_spacing = vec2(3.0, 3.0);
    let mut left = SHOWN;
    for (i, row) in tokens.iter().enumerate() {
        if tokens.len() > 1 {
            ui.weak(format!("text {}", i + 1));
        }
        ui.horizontal_wrapped(|ui| {
            for (place, token) in row.iter().take(left).enumerate() {
                chip(ui, place, token);
            }
        });
        left -= left.min(row.len());
        if left == 0 {
            ui.weak("…");
            return;
        }
    }
}

/// One token in a frame, spaces visible. Drawn as one piece, so that rows break between tokens.
fn chip(ui: &mut Ui, place: usize, token: &str) {
    let shown: String = token.chars().take(LONGEST).map(visible).collect();
    let font = egui::TextStyle::Small.resolve(ui.style());
    let color = ui.visuals().text_color();
    let galley = ui.painter().layout_no_wrap(shown, font, color);
    let edge = vec2(4.0, 1.0);
    let (rect, response) = ui.allocate_exact_size(galley.size() + 2.0 * edge, Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Label, true, token));
    let painter = ui.painter();
    painter.rect_filled(rect, 3.0, ui.visuals().extreme_bg_color);
    painter.galley(rect.min + edge, galley, color);
    response.on_hover_text(format!("token {place}: {token:?}"));
}

fn visible(c: char) -> char {
    match c {
        ' ' => '·',
        '\n' => '↵',
        '\t' => '→',
        c => c,
    }
}
