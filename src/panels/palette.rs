//! The command palette: everything that can be done or found, by a few letters of its name.

mod list;

use egui::{Align2, Id, Key, Modifiers, ScrollArea, Sense, TextEdit, Ui, vec2};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::dock::Dock;
use crate::panel::View;
use list::{Do, Entry};

/// The palette.
#[derive(Default)]
pub struct Palette {
    open: bool,
    text: String,
    /// Which of the found is chosen.
    at: usize,
    /// All there is, as it was when the palette opened.
    all: Vec<Entry>,
    /// Places in `all`, best first, for this text.
    found: (String, Vec<usize>),
}

/// Lines that are shown.
const LINES: usize = 12;
const HEIGHT: f32 = 24.0;

impl Palette {
    /// Opens it, or closes it.
    pub fn toggle(&mut self) {
        let open = !self.open;
        *self = Palette {
            open,
            ..Palette::default()
        };
    }

    /// Draws it where it is open.
    pub fn show(&mut self, ui: &mut Ui, dock: &Dock, view: &mut View) {
        if !self.open {
            return;
        }
        if self.all.is_empty() {
            self.all = list::all(view.session, dock);
            self.found = (String::new(), rank(&self.all, ""));
        }
        let key = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        let (escape, enter) = (key(Key::Escape), key(Key::Enter));
        let (up, down) = (key(Key::ArrowUp), key(Key::ArrowDown));
        let width = (ui.ctx().content_rect().width() - 40.0).clamp(200.0, 560.0);
        let area = egui::Window::new("Palette")
            .title_bar(false)
            .resizable(false)
            .anchor(Align2::CENTER_TOP, [0.0, 90.0])
            .fixed_size(vec2(width, LINES as f32 * HEIGHT));
        let mut run = enter;
        let shown = area.show(ui.ctx(), |ui| {
            let field = TextEdit::singleline(&mut self.text)
                .id(Id::new("palette text"))
                .hint_text("A command, a layer or a scope")
                .font(egui::TextStyle::Heading)
                .desired_width(f32::INFINITY);
            ui.add(field).request_focus();
            if self.text != self.found.0 {
                self.found = (self.text.clone(), rank(&self.all, &self.text));
                self.at = 0;
            }
            let last = self.found.1.len().saturating_sub(1);
            if down {
                self.at = if self.at >= last { 0 } else { self.at + 1 };
            }
            if up {
                self.at = if self.at == 0 { last } else { self.at - 1 };
            }
            ui.add_space(4.0);
            if self.found.1.is_empty() {
                ui.weak("Nothing is called that.");
            }
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut area = ScrollArea::vertical()
                .max_height(LINES as f32 * HEIGHT)
                .auto_shrink([false, true]);
            if up || down {
                // The chosen line stays in the middle, where there is room above it.
                let above = self.at as f32 - (LINES / 2) as f32;
                area = area.vertical_scroll_offset((above * HEIGHT).max(0.0));
            }
            area.show_rows(ui, HEIGHT, self.found.1.len(), |ui, range| {
                for place in range {
                    let entry = &self.all[self.found.1[place]];
                    if line(ui, entry, place == self.at) {
                        self.at = place;
                        run = true;
                    }
                }
            });
        });
        let outside = shown.is_some_and(|s| s.response.clicked_elsewhere());
        if run && let Some(&i) = self.found.1.get(self.at) {
            match self.all.swap_remove(i).does {
                Do::Commands(commands) => view.out.extend(commands),
                Do::Ask(ask) => view.asks.push(ask),
            }
        }
        if run || escape || (outside && ui.input(|i| i.pointer.any_click())) {
            *self = Palette::default();
        }
    }
}

/// Draws an entry; answers whether it was clicked.
fn line(ui: &mut Ui, entry: &Entry, chosen: bool) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click());
    response.widget_info(|| egui::WidgetInfo::selected(egui::WidgetType::Button, true, chosen, &entry.name));
    let visuals = ui.style().interact_selectable(&response, chosen);
    if chosen || response.hovered() {
        let fill = if chosen {
            ui.visuals().selection.bg_fill
        } else {
            visuals.weak_bg_fill
        };
        ui.painter().rect_filled(rect, 4.0, fill);
    }
    let small = egui::TextStyle::Small.resolve(ui.style());
    let weak = if chosen {
        visuals.text_color()
    } else {
        ui.visuals().weak_text_color()
    };
    let right = ui.painter().text(
        rect.right_center() - vec2(8.0, 0.0),
        Align2::RIGHT_CENTER,
        &entry.hint,
        small,
        weak,
    );
    let mut job = egui::text::LayoutJob::simple_singleline(
        entry.name.clone(),
        egui::TextStyle::Body.resolve(ui.style()),
        visuals.text_color(),
    );
    job.wrap = egui::text::TextWrapping::truncate_at_width((right.left() - rect.left() - 20.0).max(20.0));
    let galley = ui.painter().layout_job(job);
    let at = rect.left_center() + vec2(8.0, -galley.size().y / 2.0);
    ui.painter().galley(at, galley, visuals.text_color());
    response.clicked()
}

/// Places of the entries that match, best first; equal ones keep their order.
fn rank(all: &[Entry], text: &str) -> Vec<usize> {
    if text.trim().is_empty() {
        return (0..all.len()).collect();
    }
    let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, usize)> = Vec::new();
    for (i, entry) in all.iter().enumerate() {
        if let Some(score) = pattern.score(Utf32Str::new(&entry.name, &mut buffer), &mut matcher) {
            scored.push((score, i));
        }
    }
    scored.sort_by_key(|&(score, i)| (std::cmp::Reverse(score), i));
    scored.into_iter().map(|s| s.1).collect()
}
