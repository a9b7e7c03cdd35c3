//! Frame time of a thousand volumes that show more and more cells: `cargo bench -p gpu`.
//!
//! 1280 x 720 pixels without a window, on the best adapter there is. Three views: the front of
//! everything, from the side, and close to a few volumes. A frame is submitted and waited for;
//! nothing is read back. The last column compares with the fewest cells.

use std::time::{Duration, Instant};

use glam::{Mat4, Vec3};
use gpu::renderer::DEPTH;
use gpu::{Arena, Cells, Flags, Headless, Renderer, Slot, View, Volume};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const COLUMNS: usize = 40;
const ROWS: usize = 25;
/// Channels, rows and columns of a volume: 1,000, 10,000 and 100,000 cells.
const SHAPES: [[u32; 3]; 3] = [[10, 10, 10], [16, 25, 25], [40, 50, 50]];
const FRAMES: usize = 7;

struct Target {
    color: wgpu::TextureView,
    depth: wgpu::TextureView,
}

impl Target {
    fn new(device: &wgpu::Device) -> Self {
        let view = |format| {
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: None,
                size: wgpu::Extent3d {
                    width: WIDTH,
                    height: HEIGHT,
                    depth_or_array_layers: 1,
                },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
                view_formats: &[],
            });
            texture.create_view(&Default::default())
        };
        Target {
            color: view(gpu::headless::FORMAT),
            depth: view(DEPTH),
        }
    }
}

fn frame(headless: &Headless, target: &Target, renderer: &Renderer) -> Duration {
    let start = Instant::now();
    let mut encoder = headless.device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("frame"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &target.color,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                    store: wgpu::StoreOp::Store,
                },
            })],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: &target.depth,
                depth_ops: Some(wgpu::Operations {
                    load: wgpu::LoadOp::Clear(0.0),
                    store: wgpu::StoreOp::Discard,
                }),
                stencil_ops: None,
            }),
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        });
        renderer.draw(&mut pass);
    }
    headless.queue.submit([encoder.finish()]);
    let wait = wgpu::PollType::Wait {
        submission_index: None,
        timeout: Some(Duration::from_secs(60)),
    };
    headless.device.poll(wait).expect("the device finishes its frame");
    start.elapsed()
}

/// A thousand volumes of `shape` in rows and columns, values in the arena.
fn scene(headless: &Headless, arena: &mut Arena, [c, h, w]: [u32; 3]) -> Vec<(Volume, Option<Slot>)> {
    arena.clear();
    let count = (c * h * w) as usize;
    let cells = Cells {
        counts: [w, h, c],
        strides: [1, w, w * h],
    };
    let mut state = 1u32;
    let volumes = (0..COLUMNS * ROWS)
        .map(|i| {
            let values: Vec<f32> = (0..count)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / (1 << 24) as f32
                })
                .collect();
            let slot = arena
                .upload(&headless.device, &headless.queue, &values, &cells)
                .expect("a volume fits");
            // Writes are gathered until the next submission: send them on now and then.
            if i % 50 == 0 {
                headless.queue.submit([]);
            }
            let volume = Volume {
                center: [(i % COLUMNS) as f32 * 1.2, (i / COLUMNS) as f32 * 1.2, 0.0],
                size: [1.0, 1.0, 0.8],
                first: slot.first,
                flags: Flags::VALUES | (cells.levels() * Flags::LEVELS),
                counts: cells.counts,
                elements: count as u32,
                strides: cells.strides,
                slabs: 1,
                low: 0.0,
                high: 1.0,
                rank: 0.0,
                number: 0,
                color: [0.3, 0.4, 0.6, 1.0],
            };
            (volume, Some(slot))
        })
        .collect();
    let mut encoder = headless.device.create_command_encoder(&Default::default());
    arena.average(&headless.device, &mut encoder);
    headless.queue.submit([encoder.finish()]);
    volumes
}

/// Name, eye and the point that it looks at.
fn views() -> [(&'static str, Vec3, Vec3); 3] {
    let middle = Vec3::new(COLUMNS as f32 * 0.6, ROWS as f32 * 0.6, 0.0);
    [
        ("front", middle + Vec3::new(0.0, 0.0, 37.0), middle),
        ("side", middle + Vec3::new(-26.0, 12.0, 26.0), middle),
        ("close", middle + Vec3::new(-1.5, 1.0, 3.5), middle),
    ]
}

fn main() {
    let headless = match Headless::new() {
        Ok(headless) => headless,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    println!(
        "{}, {WIDTH} x {HEIGHT}, {} volumes",
        headless.name,
        COLUMNS * ROWS
    );
    println!("view        cells    best ms  median ms   to the fewest");
    let target = Target::new(&headless.device);
    let mut renderer = Renderer::new(&headless.device, gpu::headless::FORMAT);
    let projection = Mat4::perspective_infinite_reverse_rh(0.8, WIDTH as f32 / HEIGHT as f32, 0.1);
    let mut fewest = [0.0; 3];
    for shape in SHAPES {
        let mut arena = Arena::default();
        let volumes = scene(&headless, &mut arena, shape);
        renderer.set_scene(&headless.device, &headless.queue, &arena, &volumes, &[]);
        for (i, (name, eye, at)) in views().into_iter().enumerate() {
            let clip = projection * Mat4::look_at_rh(eye, at, Vec3::Y);
            let view = View {
                clip_from_world: clip.to_cols_array_2d(),
                eye: eye.extend(1.0).to_array(),
                frame: [WIDTH as f32, HEIGHT as f32, 0.0, 0.0],
                background: [0.01, 0.012, 0.02, 1.0],
                fog: [200.0, 400.0, 0.0, 0.0],
                flow: View::DONE,
                marked: [0; 4],
            };
            renderer.set_view(&headless.queue, &view);
            frame(&headless, &target, &renderer);
            let mut times: Vec<f64> = (0..FRAMES)
                .map(|_| frame(&headless, &target, &renderer).as_secs_f64() * 1e3)
                .collect();
            times.sort_by(f64::total_cmp);
            let median = times[FRAMES / 2];
            if fewest[i] == 0.0 {
                fewest[i] = median;
            }
            let cells: u32 = shape.iter().product::<u32>() * (COLUMNS * ROWS) as u32;
            println!(
                "{name:8} {cells:>10} {:>9.1} {median:>10.1} {:>14.2}",
                times[0],
                median / fewest[i]
            );
        }
    }
}
