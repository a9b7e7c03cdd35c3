//! How everything looks, set once: colours, spacing, rounding, sizes of text.

use egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Theme, Visuals,
};
use session::Mark;
use session::hues::{self, Family};

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// The colours of a theme.
struct Colors {
    /// Behind the widgets.
    panel: Color32,
    /// Deeper: text fields, tracks, the bar of tabs.
    deep: Color32,
    /// Buttons at rest, under the pointer, pressed.
    button: [Color32; 3],
    line: Color32,
    text: Color32,
    strong: Color32,
    weak: Color32,
    accent: Color32,
    chosen: Color32,
    warning: Color32,
    error: Color32,
}

const DARK: Colors = Colors {
    panel: rgb(0x1a1f28),
    deep: rgb(0x12161d),
    button: [rgb(0x2a323e), rgb(0x364150), rgb(0x425062)],
    line: rgb(0x2e3744),
    text: rgb(0xcfd6e0),
    strong: rgb(0xf0f3f7),
    weak: rgb(0x95a1b1),
    accent: rgb(0x6fb1ea),
    chosen: rgb(0x2b527a),
    warning: rgb(0xe3b456),
    error: rgb(0xf0916f),
};

const LIGHT: Colors = Colors {
    panel: rgb(0xfafbfc),
    deep: rgb(0xebeef2),
    button: [rgb(0xe4e8ed), rgb(0xd7dde5), rgb(0xc8d1dc)],
    line: rgb(0xd3d9e0),
    text: rgb(0x27303b),
    strong: rgb(0x0e141b),
    weak: rgb(0x5b6675),
    accent: rgb(0x1f66a8),
    chosen: rgb(0xc4dcf3),
    warning: rgb(0x855600),
    error: rgb(0xaf3a17),
};

/// Distance between the sides of a panel and what is in it.
pub const MARGIN: i8 = 8;

/// Sets the style for both themes, and takes one of them.
pub fn apply(context: &Context, light: bool) {
    let wanted = if light { Theme::Light } else { Theme::Dark };
    let done = egui::Id::new("layerscope style");
    if !context.data(|d| d.get_temp::<bool>(done).unwrap_or(false)) {
        context.data_mut(|d| d.insert_temp(done, true));
        for (theme, colors) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
            context.style_mut_of(theme, |style| set(style, theme, colors));
        }
    }
    if context.theme() != wanted {
        context.set_theme(wanted);
    }
}

fn set(style: &mut egui::Style, theme: Theme, colors: &Colors) {
    style.visuals = visuals(theme, colors);
    let font = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, font(11.0)),
        (TextStyle::Body, font(13.0)),
        (TextStyle::Button, font(13.0)),
        (TextStyle::Heading, font(15.0)),
        (TextStyle::Monospace, FontId::new(12.0, FontFamily::Monospace)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = egui::vec2(6.0, 5.0);
    spacing.button_padding = egui::vec2(8.0, 3.0);
    spacing.interact_size = egui::vec2(32.0, 22.0);
    spacing.window_margin = Margin::same(10);
    spacing.menu_margin = Margin::same(6);
    spacing.indent = 14.0;
    spacing.scroll = egui::style::ScrollStyle::thin();
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.35;
    style.animation_time = 0.1;
}

fn visuals(theme: Theme, c: &Colors) -> Visuals {
    let mut v = match theme {
        Theme::Dark => Visuals::dark(),
        Theme::Light => Visuals::light(),
    };
    let round = CornerRadius::same(4);
    v.weak_text_color = Some(c.weak);
    v.panel_fill = c.panel;
    v.window_fill = c.panel;
    v.window_stroke = Stroke::new(1.0, c.line);
    v.window_corner_radius = CornerRadius::same(8);
    v.menu_corner_radius = CornerRadius::same(6);
    v.window_shadow = Shadow {
        offset: [0, 6],
        blur: 18,
        spread: 0,
        color: Color32::from_black_alpha(70),
    };
    v.popup_shadow = Shadow {
        offset: [0, 3],
        blur: 10,
        spread: 0,
        color: Color32::from_black_alpha(60),
    };
    v.extreme_bg_color = c.deep;
    v.faint_bg_color = c.deep.gamma_multiply(0.5);
    v.code_bg_color = c.deep;
    v.hyperlink_color = c.accent;
    v.warn_fg_color = c.warning;
    v.error_fg_color = c.error;
    v.selection.bg_fill = c.chosen;
    v.selection.stroke = Stroke::new(1.0, c.strong);
    v.slider_trailing_fill = true;
    v.striped = false;
    v.indent_has_left_vline = false;
    let w = &mut v.widgets;
    w.noninteractive.bg_fill = c.panel;
    w.noninteractive.weak_bg_fill = c.panel;
    w.noninteractive.bg_stroke = Stroke::new(1.0, c.line);
    w.noninteractive.fg_stroke = Stroke::new(1.0, c.text);
    for (state, fill, text) in [
        (&mut w.inactive, c.button[0], c.text),
        (&mut w.hovered, c.button[1], c.strong),
        (&mut w.active, c.button[2], c.strong),
        (&mut w.open, c.button[1], c.strong),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::NONE;
        state.fg_stroke = Stroke::new(1.0, text);
        state.expansion = 0.0;
    }
    for state in [
        &mut w.noninteractive,
        &mut w.inactive,
        &mut w.hovered,
        &mut w.active,
        &mut w.open,
    ] {
        state.corner_radius = round;
    }
    // Also behind the titles of windows.
    w.open.weak_bg_fill = c.panel;
    // Keyboard focus is seen.
    w.hovered.bg_stroke = Stroke::new(1.0, c.line);
    w.active.bg_stroke = Stroke::new(1.0, c.accent);
    v
}

/// The dock's look, from the style of `ui`.
pub fn dock(style: &egui::Style) -> egui_dock::Style {
    let mut dock = egui_dock::Style::from_egui(style);
    let v = &style.visuals;
    dock.buttons.close_tab_color = v.weak_text_color().gamma_multiply(0.55);
    dock.buttons.close_tab_active_color = v.strong_text_color();
    dock.separator.width = 2.0;
    dock.separator.extra_interact_width = 6.0;
    dock.separator.extra = 90.0;
    dock.separator.color_idle = v.extreme_bg_color;
    dock.separator.color_hovered = v.hyperlink_color.gamma_multiply(0.6);
    dock.separator.color_dragged = v.hyperlink_color;
    dock.tab_bar.height = 26.0;
    dock.tab_bar.bg_fill = v.extreme_bg_color;
    dock.tab_bar.hline_color = v.extreme_bg_color;
    dock.tab.tab_body.stroke = Stroke::NONE;
    dock.tab.tab_body.corner_radius = CornerRadius::ZERO;
    dock.tab.tab_body.inner_margin = Margin::same(MARGIN);
    dock.tab.tab_body.bg_fill = v.panel_fill;
    let weak = v.weak_text_color();
    for (tab, fill, text) in [
        (&mut dock.tab.active, v.panel_fill, v.text_color()),
        (&mut dock.tab.focused, v.panel_fill, v.strong_text_color()),
        (&mut dock.tab.inactive, v.extreme_bg_color, weak),
        (&mut dock.tab.hovered, v.widgets.inactive.bg_fill, v.text_color()),
        (
            &mut dock.tab.active_with_kb_focus,
            v.panel_fill,
            v.hyperlink_color,
        ),
        (
            &mut dock.tab.focused_with_kb_focus,
            v.panel_fill,
            v.hyperlink_color,
        ),
        (
            &mut dock.tab.inactive_with_kb_focus,
            v.extreme_bg_color,
            v.hyperlink_color,
        ),
    ] {
        tab.outline_color = Color32::TRANSPARENT;
        tab.bg_fill = fill;
        tab.text_color = text;
    }
    dock.overlay.selection_color = v.hyperlink_color.gamma_multiply(0.3);
    dock
}

/// Colour of what is right. It never stands alone: a tick goes with it.
pub fn right(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode {
        rgb(0x6cc495)
    } else {
        rgb(0x1f7a4d)
    }
}

/// Colour of what is wrong. It never stands alone: a cross goes with it.
pub fn wrong(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode {
        rgb(0xf0a04b)
    } else {
        rgb(0xb35a00)
    }
}

/// Colour of what differs between networks, as the scene has it. A sign goes with it.
pub fn mark(visuals: &Visuals, mark: Mark) -> Color32 {
    rgb(mark.hue(!visuals.dark_mode))
}

/// Colour of an operator's family, as the scene has it.
pub fn family(visuals: &Visuals, family: &Family) -> Color32 {
    let [r, g, b, _] = rgb(family.hue).to_array();
    // On paper the scene's are darker too: three quarters of the light.
    let ink = |c: u8| (f32::from(c) * 0.877) as u8;
    match visuals.dark_mode {
        true => Color32::from_rgb(r, g, b),
        false => Color32::from_rgb(ink(r), ink(g), ink(b)),
    }
}

/// Colour of the runs of a group, in all charts.
pub fn run(group: usize, light: bool) -> Color32 {
    rgb(hues::run(group, light))
}

/// Colour of bars that show an amount.
pub fn bar(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode {
        rgb(0x3f6f9e)
    } else {
        rgb(0x9cc3e6)
    }
}

/// What is selected in a chart: the colour that it has in the scene.
pub fn marked(visuals: &Visuals) -> Color32 {
    rgb(hues::chosen(!visuals.dark_mode))
}
