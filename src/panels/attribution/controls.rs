//! What is asked: the method and its settings, the class, the layer.

use std::collections::BTreeMap;

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Checkbox, ComboBox, DragValue, Grid, PopupCloseBehavior, Slider, Ui};
use model::Op;
use session::asking::{Kind, METHODS, Method, Question, Setting, method};
use session::{Document, Input, Session};

use crate::widgets::room;

/// The choice of the user.
#[derive(Clone, PartialEq)]
pub struct Choice {
    /// Id of the method.
    pub method: &'static str,
    /// All methods.
    pub several: bool,
    element: Option<usize>,
    layer: Option<String>,
    /// Of several, the one that is explained.
    text: usize,
    /// What differs from the defaults, by method and setting.
    values: BTreeMap<&'static str, BTreeMap<String, f64>>,
}

impl Default for Choice {
    fn default() -> Self {
        Choice {
            method: "integrated",
            several: false,
            element: None,
            layer: None,
            text: 0,
            values: BTreeMap::new(),
        }
    }
}

/// Elements that the list of classes holds at most.
const MOST: usize = 2000;

impl Choice {
    /// The question that it is.
    pub fn question(&self) -> Question {
        let (layer, element, text) = (self.layer.clone(), self.element, self.text);
        let layered = method(self.method).is_some_and(|m| m.layered);
        match self.several {
            true => Question::Every { layer, element, text },
            false => Question::Attribute {
                method: self.method.into(),
                settings: self.values.get(self.method).cloned().unwrap_or_default(),
                layer: layer.filter(|_| layered),
                element,
                text,
            },
        }
    }

    /// Takes over what was asked elsewhere.
    pub fn adopt(&mut self, question: &Question) {
        match question {
            Question::Attribute {
                method: id,
                settings,
                layer,
                element,
                text,
            } => {
                let Some(known) = method(id) else { return };
                (self.method, self.several) = (known.id, false);
                (self.element, self.text) = (*element, *text);
                self.values.insert(known.id, settings.clone());
                if known.layered {
                    self.layer.clone_from(layer);
                }
            }
            Question::Every { layer, element, text } => {
                (self.several, self.element, self.text) = (true, *element, *text);
                self.layer.clone_from(layer);
            }
            _ => (),
        }
    }

    /// Lets it be changed.
    pub fn show(&mut self, ui: &mut Ui, session: &Session, document: &Document) {
        let several = self.several;
        let known = method(self.method).filter(|_| !several);
        ui.add_enabled_ui(!several, |ui| {
            let words = known.map_or("All methods", |m| m.name);
            let combo = ComboBox::from_id_salt("method").width(170.0).selected_text(words);
            let shown = combo.height(360.0).show_ui(ui, |ui| {
                for method in METHODS {
                    ui.selectable_value(&mut self.method, method.id, method.name)
                        .on_hover_text(format!("{}\n{}", method.about, method.source));
                }
            });
            if let Some(known) = known {
                let told = format!("{}\n{}", known.about, known.source);
                shown.response.on_hover_text(told);
            }
        });
        if let Input::Text(texts) = &session.state.input
            && texts.len() > 1
        {
            room(ui, 120.0);
            self.texts(ui, texts);
        }
        room(ui, 120.0);
        self.elements(ui, document);
        if several || known.is_some_and(|m| m.layered) {
            room(ui, 150.0);
            self.layers(ui, document);
        }
        if let Some(known) = known.filter(|m| !m.settings.is_empty()) {
            // Values are dragged in it.
            let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
            MenuButton::new("Settings")
                .config(config)
                .ui(ui, |ui| self.settings(ui, known));
        }
        ui.toggle_value(&mut self.several, "Side by side")
            .on_hover_text("All methods, one after the other");
    }

    fn texts(&mut self, ui: &mut Ui, texts: &[String]) {
        self.text = self.text.min(texts.len() - 1);
        ComboBox::from_id_salt("text")
            .width(110.0)
            .height(360.0)
            .truncate()
            .selected_text(&texts[self.text])
            .show_ui(ui, |ui| {
                for (place, text) in texts.iter().enumerate() {
                    ui.selectable_value(&mut self.text, place, text);
                }
            })
            .response
            .on_hover_text("Which of the texts is explained");
    }

    fn elements(&mut self, ui: &mut Ui, document: &Document) {
        let output = session::asking::logits(&document.source);
        let shape = output.and_then(|t| {
            let trace = document.trace.as_ref()?;
            Some(trace.tensors.get(&t)?.shape.iter().product::<usize>())
        });
        let count = shape.unwrap_or(document.classes.len()).min(MOST);
        let words = match self.element {
            None => "its answer".to_string(),
            Some(element) => super::name(document, element),
        };
        ComboBox::from_id_salt("element")
            .width(110.0)
            .height(360.0)
            .selected_text(words)
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut self.element, None, "its answer");
                for element in 0..count {
                    ui.selectable_value(&mut self.element, Some(element), super::name(document, element));
                }
            })
            .response
            .on_hover_text("What is explained: an element of the output, before a softmax");
    }

    fn layers(&mut self, ui: &mut Ui, document: &Document) {
        let network = &document.source;
        let all = network.main().layers.iter().map(|l| network.layer(*l));
        let looks = |op: &Op| matches!(op, Op::Conv { .. } | Op::ConvTranspose { .. });
        ComboBox::from_id_salt("layer")
            .width(140.0)
            .height(360.0)
            .selected_text(self.layer.as_deref().unwrap_or("the deepest layer"))
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut self.layer, None, "the deepest layer");
                for layer in all.filter(|l| looks(&l.op)) {
                    ui.selectable_value(&mut self.layer, Some(layer.name.clone()), &layer.name);
                }
            })
            .response
            .on_hover_text("The convolution that Grad-CAM looks at");
    }

    fn settings(&mut self, ui: &mut Ui, method: &'static Method) {
        let values = self.values.entry(method.id).or_default();
        Grid::new("settings").num_columns(2).show(ui, |ui| {
            for setting in method.settings {
                ui.label(setting.name).on_hover_text(setting.about);
                let default = setting.kind.default();
                let mut now = values.get(setting.id).copied().unwrap_or(default);
                edit(ui, setting, &mut now);
                if now == default {
                    values.remove(setting.id);
                } else {
                    values.insert(setting.id.into(), now);
                }
                ui.end_row();
            }
        });
    }
}

fn edit(ui: &mut Ui, setting: &Setting, now: &mut f64) {
    match setting.kind {
        Kind::Number { low, high, .. } if high - low <= 10.0 => {
            ui.add(Slider::new(now, low..=high));
        }
        Kind::Number { low, high, .. } => {
            ui.add(DragValue::new(now).range(low..=high));
        }
        Kind::Whole { low, high, .. } => {
            let mut whole = *now as u64;
            ui.add(DragValue::new(&mut whole).range(low..=high));
            *now = whole as f64;
        }
        Kind::Choice { options, .. } => {
            ComboBox::from_id_salt(setting.id)
                .width(110.0)
                .selected_text(options.get(*now as usize).copied().unwrap_or_default())
                .show_ui(ui, |ui| {
                    for (i, option) in options.iter().enumerate() {
                        ui.selectable_value(now, i as f64, *option);
                    }
                });
        }
        Kind::Switch { .. } => {
            let mut on = *now != 0.0;
            ui.add(Checkbox::without_text(&mut on));
            *now = f64::from(u8::from(on));
        }
    }
}
