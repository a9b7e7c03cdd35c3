//! The explorer's window: Bevy runs it, `session` decides, `panels` and `scene` show.

use std::process::ExitCode;
use std::sync::Arc;

use bevy::camera::ClearColorConfig;
use bevy::core_pipeline::tonemapping::{DebandDither, Tonemapping};
use bevy::prelude::*;
use bevy::render::renderer::{RenderAdapterInfo, RenderDevice, RenderQueue, WgpuWrapper};
use bevy::render::view::Msaa;
use bevy_egui::{EguiContexts, EguiPlugin, EguiPrimaryContextPass, egui};
use bevy_panorbit_camera::{PanOrbitCamera, PanOrbitCameraPlugin};
use panels::{Panels, Status};
use scene::tiles::{Order, Tile};
use scene::{Camera as Eye, Display, Look, Theme};
use session::{Command, Goal, Session, Source};

use crate::overlay::Hover;
use crate::stage::{Shown, Stage};

/// All that the window's systems share.
#[derive(Resource)]
struct Explorer {
    session: Session,
    panels: Panels,
    status: Status,
    hover: Hover,
    /// Where the scene is, points.
    rect: egui::Rect,
    /// An input to open once its model is.
    waiting: Option<Source>,
    /// The goal that the camera was last sent to.
    sent: Option<u64>,
    /// What is in GPU memory: layout, pass, direction.
    uploaded: Option<(u64, u64, bool)>,
    /// Origins of the volumes on their way to the present layout, and seconds since it came.
    moving: Option<(Vec<(glam::Vec3, glam::Vec3)>, f32)>,
    /// The layout that is shown.
    placed: Option<Arc<layout::Layout>>,
    /// The layout as it stands in this frame.
    layout: Arc<layout::Layout>,
    /// Open channels, with what they were made for.
    tiles: Vec<Tile>,
    /// Where the button went down, to tell a click from a drag.
    pressed: Option<egui::Pos2>,
}

/// Opens the window on `files`: a model, then its input; without files on the built-in demo.
pub fn open(files: &[String]) -> ExitCode {
    let mut session = Session::new();
    let source = match files.first() {
        Some(file) => Source::File(file.into()),
        None => Source::Bundled("fashion-mnist".into()),
    };
    session.apply(Command::Open(source));
    let explorer = Explorer {
        session,
        panels: Panels::default(),
        status: Status::default(),
        hover: Hover::default(),
        rect: egui::Rect::NOTHING,
        waiting: files.get(1).map(|f| Source::File(f.into())),
        sent: None,
        uploaded: None,
        moving: None,
        placed: None,
        layout: Arc::default(),
        tiles: Vec::new(),
        pressed: None,
    };
    let window = Window {
        title: "layerscope".into(),
        resolution: (1280, 800).into(),
        ..default()
    };
    let mut app = App::new();
    app.add_plugins(DefaultPlugins.set(WindowPlugin {
        primary_window: Some(window),
        ..default()
    }))
    .add_plugins((EguiPlugin::default(), PanOrbitCameraPlugin, crate::stage::plugin))
    .insert_resource(explorer)
    .add_systems(Startup, camera)
    .add_systems(Update, (act, place, aim).chain())
    .add_systems(EguiPrimaryContextPass, show)
    .add_systems(PostUpdate, fill.after(TransformSystems::Propagate));
    match app.run() {
        AppExit::Success => ExitCode::SUCCESS,
        AppExit::Error(code) => ExitCode::from(code.get()),
    }
}

fn camera(mut commands: Commands) {
    commands.spawn((
        Camera3d::default(),
        Msaa::Off,
        Tonemapping::None,
        DebandDither::Disabled,
        PanOrbitCamera {
            button_pan: MouseButton::Middle,
            ..default()
        },
    ));
}

/// Keys, dropped files, finished work, time.
fn act(
    mut explorer: ResMut<Explorer>,
    time: Res<Time>,
    keys: Res<ButtonInput<KeyCode>>,
    mut drops: MessageReader<FileDragAndDrop>,
    mut contexts: EguiContexts,
) -> Result {
    let explorer = &mut *explorer;
    if !contexts.ctx_mut()?.egui_wants_keyboard_input() {
        for command in crate::keys::commands(&keys, &explorer.session) {
            explorer.session.apply(command);
        }
    }
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            let source = Source::File(path_buf.clone());
            let kind = path_buf.extension().map(|e| e.to_ascii_lowercase());
            let model = kind.is_none_or(|e| e == "onnx" || e == "json");
            explorer.session.apply(if model {
                Command::Open(source)
            } else {
                Command::Feed(source)
            });
        }
    }
    explorer.session.update(time.delta_secs());
    if explorer.session.document.is_some()
        && let Some(input) = explorer.waiting.take()
    {
        explorer.session.apply(Command::Feed(input));
    }
    let ms = time.delta_secs() * 1e3;
    explorer.status.frame += (ms - explorer.status.frame) * 0.05;
    Ok(())
}

/// Seconds that volumes take to their new places.
const MOVE: f32 = 0.6;

/// Moves volumes towards the session's layout, and opens the selection's channels.
fn place(mut explorer: ResMut<Explorer>, time: Res<Time>) {
    let explorer = &mut *explorer;
    let Some(document) = &explorer.session.document else {
        return;
    };
    let fresh = explorer
        .placed
        .as_ref()
        .is_none_or(|p| !Arc::ptr_eq(p, &document.layout));
    if fresh {
        let same = explorer
            .placed
            .as_ref()
            .is_some_and(|p| p.volumes == document.layout.volumes);
        if !same && explorer.placed.is_some() {
            let origins = scene::transition::origins(&document.network, &explorer.layout, &document.layout);
            explorer.moving = Some((origins, 0.0));
        }
        explorer.placed = Some(document.layout.clone());
        explorer.layout = document.layout.clone();
    }
    if let Some((origins, seconds)) = &mut explorer.moving {
        *seconds += time.delta_secs();
        let share = *seconds / MOVE;
        explorer.layout = match share < 1.0 {
            true => scene::transition::between(&document.layout, origins, share).into(),
            false => document.layout.clone(),
        };
        if share >= 1.0 {
            explorer.moving = None;
        }
    }
    let state = &explorer.session.state;
    let volume = document
        .layout
        .volumes
        .iter()
        .find(|v| state.selection == Some(v.node));
    let trace = if state.backward {
        &document.gradients
    } else {
        &document.trace
    };
    let values = volume.and_then(|v| trace.as_ref()?.tensors.get(&v.tensor?)?.host());
    explorer.tiles = match (volume, values) {
        (Some(volume), Some(values)) if explorer.moving.is_none() => {
            scene::tiles::tiles(&document.layout, volume, values, order(&explorer.session))
        }
        _ => Vec::new(),
    };
}

fn order(session: &Session) -> Order {
    let paint = session.state.paint;
    Order {
        own_range: paint.own_range,
        sorted: paint.sorted,
    }
}

/// Sends the camera to the session's goal.
fn aim(mut explorer: ResMut<Explorer>, mut camera: Single<&mut PanOrbitCamera>) {
    let explorer = &mut *explorer;
    let (number, goal) = &explorer.session.goal;
    let Some(layout) = explorer.session.layout().filter(|l| !l.volumes.is_empty()) else {
        return;
    };
    if explorer.sent == Some(*number) || !explorer.rect.is_positive() {
        return;
    }
    let size = glam::Vec2::new(explorer.rect.width(), explorer.rect.height());
    let chosen = explorer.session.state.selection;
    let volume = layout.volumes.iter().find(|v| chosen == Some(v.node));
    let eye = match (goal, volume) {
        (Goal::Selection, Some(volume)) => {
            let mut eye = now(&camera);
            let room = glam::Vec3::splat(0.35 * volume.size.length().max(1.0));
            let (mut min, mut max) = (volume.min() - room, volume.max() + room);
            for tile in &explorer.tiles {
                min = min.min(tile.center - tile.size / 2.0);
                max = max.max(tile.center + tile.size / 2.0);
            }
            (eye.yaw, eye.pitch) = (-0.25, 0.12);
            eye.frame((min, max), size, 0.1);
            eye
        }
        _ => {
            let (min, max) = layout.bounds;
            Eye::overview((min - glam::Vec3::Y * 0.6, max), size)
        }
    };
    camera.target_focus = eye.target;
    camera.target_yaw = eye.yaw;
    camera.target_pitch = eye.pitch;
    camera.target_radius = eye.distance;
    camera.zoom_upper_limit = Some(20.0 * (layout.bounds.1 - layout.bounds.0).length().max(10.0));
    if explorer.sent.is_none() {
        // The first look is there at once.
        camera.focus = eye.target;
        (camera.yaw, camera.pitch, camera.radius) = (Some(eye.yaw), Some(eye.pitch), Some(eye.distance));
    }
    camera.force_update = true;
    explorer.sent = Some(*number);
}

/// The orbit camera as the scene's.
fn now(camera: &PanOrbitCamera) -> Eye {
    let start = Eye::default();
    Eye {
        target: camera.focus,
        yaw: camera.yaw.unwrap_or(start.yaw),
        pitch: camera.pitch.unwrap_or(start.pitch),
        distance: camera.radius.unwrap_or(start.distance),
        ..start
    }
}

/// Panels, overlay, and what the pointer touches.
fn show(
    mut contexts: EguiContexts,
    mut explorer: ResMut<Explorer>,
    mut camera: Single<&mut PanOrbitCamera>,
) -> Result {
    let context = contexts.ctx_mut()?.clone();
    let explorer = &mut *explorer;
    let light = explorer.session.state.light;
    context.set_visuals(if light {
        egui::Visuals::light()
    } else {
        egui::Visuals::dark()
    });
    let mut out = Vec::new();
    let builder = egui::UiBuilder::new()
        .layer_id(egui::LayerId::background())
        .max_rect(context.viewport_rect());
    let mut ui = egui::Ui::new(context.clone(), "explorer".into(), builder);
    explorer.rect = explorer
        .panels
        .show(&mut ui, &explorer.session, &explorer.status, &mut out);
    let (rect, eye) = (explorer.rect, now(&camera));
    let pointer = context.pointer_latest_pos().unwrap_or_default();
    let over = rect.contains(pointer) && !context.egui_wants_pointer_input();
    // The wheel over a panel scrolls that panel only.
    let steers = over || explorer.pressed.is_some();
    if camera.enabled != steers {
        camera.enabled = steers;
    }
    explorer.hover = Hover::default();
    let size = glam::Vec2::new(rect.width(), rect.height());
    if over && let Some(document) = &explorer.session.document {
        let at = pointer - rect.min;
        let (origin, direction) = eye.ray(glam::Vec2::new(at.x, at.y), size);
        if let Some((volume, distance)) = scene::compose::pick(&explorer.layout, origin, direction) {
            let point = origin + direction * distance;
            let cell = scene::compose::cell(&explorer.layout.volumes[volume], point);
            explorer.hover = Hover {
                volume: Some(volume),
                cell,
            };
        }
        let (down, up, double) = context.input(|i| {
            let button = egui::PointerButton::Primary;
            (
                i.pointer.primary_pressed(),
                i.pointer.primary_released(),
                i.pointer.button_double_clicked(button),
            )
        });
        if down {
            explorer.pressed = Some(pointer);
        }
        if up && explorer.pressed.take().is_some_and(|p| p.distance(pointer) < 4.0) {
            let node = explorer.hover.volume.map(|v| document.layout.volumes[v].node);
            out.push(Command::Select(node.map(|n| document.name(n))));
            match node {
                Some(layout::Node::Scope(s)) if double => {
                    out.push(Command::Expand(document.network.scopes.path(s)));
                }
                Some(_) if double => out.push(Command::Look(Goal::Selection)),
                _ => (),
            }
        }
    }
    let painter = context
        .layer_painter(egui::LayerId::background())
        .with_clip_rect(rect);
    let scene = (&*explorer.layout, &explorer.tiles[..]);
    crate::overlay::draw(
        &painter,
        rect,
        &explorer.session,
        scene,
        &eye,
        &explorer.hover,
        pointer,
    );
    if !context.input(|i| i.pointer.any_down()) {
        explorer.pressed = None;
    }
    for command in out {
        explorer.session.apply(command);
    }
    Ok(())
}

/// Brings GPU memory and the instances up to date.
fn fill(
    mut explorer: ResMut<Explorer>,
    camera: Single<(&PanOrbitCamera, &mut Camera)>,
    window: Single<&Window>,
    stage: Res<Stage>,
    (device, queue, adapter): (Res<RenderDevice>, Res<RenderQueue>, Res<RenderAdapterInfo>),
    time: Res<Time>,
) {
    let explorer = &mut *explorer;
    let (orbit, mut view) = camera.into_inner();
    let theme = if explorer.session.state.light {
        Theme::Light
    } else {
        Theme::Dark
    };
    let [r, g, b] = theme.background();
    view.clear_color = ClearColorConfig::Custom(Color::linear_rgb(r, g, b));
    explorer.status.device.clone_from(&adapter.name);
    let Some(document) = &explorer.session.document else {
        return;
    };
    let (device, queue) = (device.wgpu_device(), &**queue.0);
    let mut stage = stage.lock();
    if stage.is_none() {
        *stage = WgpuWrapper::new(Some(Shown {
            renderer: gpu::Renderer::new(device, wgpu::TextureFormat::Rgba8UnormSrgb),
            arena: gpu::Arena::default(),
            display: Display::default(),
            rect: [0.0; 4],
        }));
    }
    let Some(shown) = stage.as_mut() else { return };
    let backward = explorer.session.state.backward && document.gradients.is_some();
    let wanted = Some((document.placed, document.passed, backward));
    if explorer.uploaded != wanted {
        let trace = if backward {
            &document.gradients
        } else {
            &document.trace
        };
        let trace = trace.as_deref().cloned().unwrap_or_default();
        shown.display = Display::upload(
            &document.network,
            &document.layout,
            &trace,
            &mut shown.arena,
            device,
            queue,
        );
        explorer.uploaded = wanted;
    }
    let scale = window.scale_factor();
    let rect = explorer.rect;
    let clip = |v: f32, most: u32| (v * scale).round().clamp(0.0, most as f32);
    let (x, y) = (
        clip(rect.min.x, window.physical_width()),
        clip(rect.min.y, window.physical_height()),
    );
    let (right, bottom) = (
        clip(rect.max.x, window.physical_width()),
        clip(rect.max.y, window.physical_height()),
    );
    shown.rect = [x, y, (right - x).max(0.0), (bottom - y).max(0.0)];
    let node = explorer.session.state.selection;
    let look = Look {
        playhead: document
            .trace
            .is_some()
            .then_some(explorer.session.state.playhead),
        backward: explorer.session.state.backward,
        selected: node.and_then(|n| document.layout.volumes.iter().position(|v| v.node == n)),
        hovered: explorer.hover.volume,
        theme,
        map: explorer.session.state.paint.map,
        magnitude: explorer.session.state.paint.magnitude,
        full: explorer.session.state.paint.full,
    };
    let mut boxes = scene::compose::boxes(&explorer.layout, &shown.display, &look);
    if let Some(volume) = look.selected.map(|v| &document.layout.volumes[v]) {
        let order = order(&explorer.session);
        boxes.extend(scene::tiles::boxes(
            volume,
            &explorer.tiles,
            &shown.display,
            &look,
            order,
        ));
    }
    let mut segments = scene::compose::ribbons(&explorer.layout, &look);
    if let Some(volume) = explorer.hover.volume.map(|v| &document.layout.volumes[v]) {
        for patch in crate::overlay::field(document, volume, explorer.hover.cell) {
            let input = layout::Node::Input(patch.input);
            if let Some(input) = document.layout.volumes.iter().find(|v| v.node == input) {
                segments.extend(scene::compose::frame(input, patch.columns, patch.rows));
            }
        }
    }
    shown
        .renderer
        .set_scene(device, queue, &shown.arena, &boxes, &segments);
    let (min, max) = document.layout.bounds;
    let size = glam::Vec2::new(shown.rect[2].max(1.0), shown.rect[3].max(1.0));
    let view = scene::view(
        &now(orbit),
        size,
        time.elapsed_secs(),
        theme,
        (max - min).length(),
    );
    shown.renderer.set_view(queue, &view);
}
