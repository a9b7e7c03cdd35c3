//! Where the panels stand: a dock around the scene.

use egui::{Rect, Ui, WidgetText};
use egui_dock::{DockArea, DockState, Node, NodeIndex, NodePath, Split, SurfaceIndex, TabViewer, Tree};

use crate::panel::{Panel, Side, View};
use crate::{PANELS, panel_of, style};

/// The tab that the scene is seen through.
pub const SCENE: &str = "scene";

/// The arrangement; tabs by the panels' ids.
pub struct Dock(pub DockState<String>);

impl Default for Dock {
    /// The scene in the middle, what it is made of on the left, what it says on the right.
    fn default() -> Self {
        let mut dock = Dock(DockState::new(vec![SCENE.to_string()]));
        for panel in PANELS.iter().filter(|p| p.open) {
            dock.open(panel);
        }
        // The first tab of each place is in front.
        for (_, leaf) in dock.0.iter_leaves_mut() {
            let _ = leaf.set_active_tab(0);
        }
        dock
    }
}

impl Dock {
    /// An arrangement that was remembered, without panels that are no more, and with the scene.
    pub fn checked(state: DockState<String>) -> Option<Self> {
        if !state.iter_surfaces().filter_map(|s| s.node_tree()).all(whole) {
            return None;
        }
        let mut seen = std::collections::BTreeSet::new();
        let known = state.filter_tabs(|t| (t == SCENE || panel_of(t).is_some()) && seen.insert(t.clone()));
        known.find_main_surface_tab(&SCENE.to_string())?;
        Some(Dock(known))
    }

    /// True when the panel has a tab.
    pub fn has(&self, id: &str) -> bool {
        self.0.find_tab(&id.to_string()).is_some()
    }

    /// True when the panel is the tab that is seen of its place.
    pub fn is_front(&self, id: &str) -> bool {
        let mut leaves = self.0.iter_leaves();
        leaves.any(|(_, leaf)| leaf.tabs().get(leaf.active.0).is_some_and(|t| t == id))
    }

    /// Closes a panel.
    pub fn close(&mut self, id: &str) {
        if let Some(path) = self.0.find_tab(&id.to_string()) {
            self.0.remove_tab(path);
        }
    }

    /// Brings a panel to the front; a closed one opens where it belongs.
    pub fn open(&mut self, panel: &Panel) {
        let tab = panel.id.to_string();
        if let Some(path) = self.0.find_tab(&tab) {
            let _ = self.0.set_active_tab(path);
            return;
        }
        let at = |dock: &DockState<String>, side: Side| {
            dock.find_tab_from(|t| panel_of(t).is_some_and(|p| p.side == side))
        };
        if let Some(path) = at(&self.0, panel.side) {
            if let Ok(leaf) = self.0.leaf_mut(path.node_path()) {
                leaf.append_tab(tab);
            }
            return;
        }
        let main = SurfaceIndex::main();
        if panel.side == Side::Middle
            && let Some(path) = self.0.find_tab(&SCENE.to_string())
            && let Ok(leaf) = self.0.leaf_mut(path.node_path())
        {
            return leaf.append_tab(tab);
        }
        // The other half of a side, where one is open; else a new side beside the scene. Shares are
        // those of the left or upper part.
        let (beside, split, share) = match panel.side {
            Side::Left => (Some(Side::LeftBelow), Split::Above, 0.52),
            Side::LeftBelow => (Some(Side::Left), Split::Below, 0.52),
            Side::Right => (Some(Side::RightBelow), Split::Above, 0.31),
            Side::RightBelow => (Some(Side::Right), Split::Below, 0.31),
            Side::Below => (None, Split::Below, 0.85),
            Side::Charts | Side::Middle => (None, Split::Below, 0.55),
        };
        let beside = beside.and_then(|s| at(&self.0, s)).filter(|p| p.surface == main);
        let (node, split, share) = match (beside, panel.side) {
            (Some(path), _) => (path.node, split, share),
            (None, Side::Left | Side::LeftBelow) => (self.scene(), Split::Left, 0.2),
            (None, Side::Right | Side::RightBelow) => (self.scene(), Split::Right, 0.7),
            (None, Side::Below | Side::Charts | Side::Middle) => (self.scene(), Split::Below, share),
        };
        self.0
            .main_surface_mut()
            .split_tabs(node, split, share, vec![tab]);
    }

    fn scene(&self) -> NodeIndex {
        let found = self.0.find_main_surface_tab(&SCENE.to_string());
        found.map_or(NodeIndex::root(), |(node, _)| node)
    }

    /// Draws the dock, and gives the place of the scene; none while another tab covers it.
    pub fn show(&mut self, ui: &mut Ui, view: &mut View) -> Rect {
        let mut tabs = Tabs {
            view,
            rect: Rect::NOTHING,
        };
        DockArea::new(&mut self.0)
            .style(style::dock(ui.style()))
            .show_leaf_collapse_buttons(false)
            .show_leaf_close_all_buttons(false)
            .show_inside(ui, &mut tabs);
        tabs.rect
    }
}

/// True for a tree that the dock can draw: it trusts what it is given.
fn whole(tree: &Tree<String>) -> bool {
    let child = |i: usize| tree.iter().nth(i).is_some_and(|n| !n.is_empty());
    tree.iter().enumerate().all(|(i, node)| match node {
        Node::Empty => true,
        Node::Leaf(leaf) => leaf.active.0 < leaf.len() && !leaf.collapsed,
        Node::Horizontal(split) | Node::Vertical(split) => {
            (0.0..=1.0).contains(&split.fraction) && child(2 * i + 1) && child(2 * i + 2)
        }
    })
}

struct Tabs<'a, 'b> {
    view: &'a mut View<'b>,
    rect: Rect,
}

impl TabViewer for Tabs<'_, '_> {
    type Tab = String;

    fn title(&mut self, tab: &mut String) -> WidgetText {
        panel_of(tab).map_or("Scene", |p| p.title).into()
    }

    fn id(&mut self, tab: &mut String) -> egui::Id {
        egui::Id::new(("panel", &*tab))
    }

    fn ui(&mut self, ui: &mut Ui, tab: &mut String) {
        match panel_of(tab) {
            Some(panel) => (panel.show)(ui, self.view),
            // Up to the edges: the dock keeps a margin for text.
            None => self.rect = ui.max_rect().expand(style::MARGIN.into()),
        }
    }

    fn on_tab_button(&mut self, tab: &mut String, response: &egui::Response) {
        if let Some(panel) = panel_of(tab) {
            response.clone().on_hover_text(panel.about);
        }
    }

    fn context_menu(&mut self, ui: &mut Ui, tab: &mut String, _path: NodePath) {
        if panel_of(tab).is_some() {
            ui.weak("Drag to move; drop outside the window's edges to float");
        }
    }

    fn is_closeable(&self, tab: &String) -> bool {
        tab != SCENE
    }

    fn allowed_in_windows(&self, tab: &mut String) -> bool {
        tab != SCENE
    }

    fn clear_background(&self, tab: &String) -> bool {
        tab != SCENE
    }

    fn scroll_bars(&self, _: &String) -> [bool; 2] {
        // Each panel scrolls what it wants to.
        [false, false]
    }
}
