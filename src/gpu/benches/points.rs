//! Frame time of a million points and of ten: `cargo bench -p gpu --bench points`.
//!
//! 1280 x 720 pixels without a window, on the best adapter there is. Points stand in thirty normal
//! clusters; between two frames the camera turns and the points go on from their places before to
//! those now. A frame sends its camera, is submitted and waited for; nothing is read back.
//! `--points=COUNT` leaves the other rows out; `--picture=STEM` writes the first picture of each row.

use std::time::{Duration, Instant};

use glam::{Mat4, Vec3};
use gpu::points::ink;
use gpu::{Headless, PointLook, Points, Way};

const SIZE: [u32; 2] = [1280, 720];
const FRAMES: usize = 15;

struct Random(u32);

impl Random {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((self.0 >> 8) as f32 + 0.5) / (1 << 24) as f32
    }

    /// About normal: the sum of four uniform numbers.
    fn normal(&mut self) -> f32 {
        ((0..4).map(|_| self.uniform()).sum::<f32>() - 2.0) * 1.732
    }
}

/// Places and inks of thirty clusters, in no order.
fn cloud(count: usize, seed: u32) -> (Vec<f32>, Vec<u32>) {
    let mut random = Random(seed);
    let centres: Vec<[f32; 3]> = (0..30)
        .map(|_| std::array::from_fn(|_| 1.6 * random.uniform() - 0.8))
        .collect();
    let (mut places, mut inks) = (Vec::with_capacity(3 * count), Vec::with_capacity(count));
    for _ in 0..count {
        let k = (random.uniform() * 30.0) as usize % 30;
        let wide = 0.04 + 0.006 * k as f32;
        places.extend(centres[k].map(|c| c + wide * random.normal()));
        let hue = |shift: f32| (140.0 + 110.0 * (k as f32 * 2.4 + shift).sin()) as u8;
        inks.push(ink([hue(0.0), hue(2.1), hue(4.2)], 1.0, false));
    }
    (places, inks)
}

fn look(turn: f32, near: f32, radius: f32, moved: f32, way: Way, count: usize) -> PointLook {
    let eye = Vec3::new(turn.sin(), 0.3, turn.cos()) * near;
    let clip = Mat4::perspective_infinite_reverse_rh(0.8, SIZE[0] as f32 / SIZE[1] as f32, 0.05)
        * Mat4::look_at_rh(eye, Vec3::ZERO, Vec3::Y);
    PointLook {
        clip_from_world: clip.to_cols_array_2d(),
        radius,
        moved,
        depths: [near - 1.2, near + 1.2],
        chosen: false,
        faint: 0.08,
        exposure: (1e5 / count as f32).min(0.6),
        least: 0.15,
        background: [0.01, 0.012, 0.02],
        way,
    }
}

fn frame(headless: &Headless, points: &mut Points, target: &wgpu::TextureView, look: &PointLook) -> Duration {
    let start = Instant::now();
    let mut encoder = headless.device.create_command_encoder(&Default::default());
    points
        .draw(
            (&headless.device, &headless.queue),
            &mut encoder,
            (target, SIZE),
            look,
        )
        .expect("a target of this size");
    headless.queue.submit([encoder.finish()]);
    let wait = wgpu::PollType::Wait {
        submission_index: None,
        timeout: Some(Duration::from_secs(60)),
    };
    headless.device.poll(wait).expect("the device finishes its frame");
    start.elapsed()
}

fn write(headless: &Headless, points: &mut Points, look: &PointLook, file: &str) {
    let bytes = points.picture(headless, SIZE, look).expect("a picture");
    let mut text = format!("P6 {} {} 255\n", SIZE[0], SIZE[1]).into_bytes();
    text.extend(bytes.chunks(4).flat_map(|p| [p[0], p[1], p[2]]));
    std::fs::write(file, text).expect("the picture is written");
}

fn main() {
    let headless = match Headless::new() {
        Ok(headless) => headless,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let pictures = std::env::args().find_map(|a| a.strip_prefix("--picture=").map(str::to_string));
    println!("{}, {} x {}", headless.name, SIZE[0], SIZE[1]);
    println!("points       way      view    radius  best ms  median ms");
    let target = headless.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d {
            width: SIZE[0],
            height: SIZE[1],
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: gpu::headless::FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    });
    let target = target.create_view(&Default::default());
    let mut points = Points::new(&headless.device, gpu::headless::FORMAT);
    let only: Option<usize> = std::env::args().find_map(|a| a.strip_prefix("--points=")?.parse().ok());
    for count in [5_000, 20_000, 100_000, 1_000_000, 10_000_000] {
        if only.is_some_and(|only| only != count) {
            continue;
        }
        let (before, _) = cloud(count, 1);
        let (now, inks) = cloud(count, 2);
        let device = (&headless.device, &headless.queue);
        points.set_places(device, &now, Some(&before)).expect("they fit");
        points.set_inks(&headless.queue, &inks).expect("as many");
        headless.queue.submit([]);
        drop((before, now, inks));
        let views = [("whole", 3.0, [0.6, 1.5]), ("near", 1.2, [1.5, 4.0])];
        for way in [Way::Discs, Way::Density] {
            // Software takes seconds for more.
            if way == Way::Discs && count > if headless.software { 20_000 } else { 1_000_000 } {
                continue;
            }
            for (name, near, radii) in views {
                for radius in radii {
                    let radius = if way == Way::Discs { 2.0 * radius } else { radius };
                    let of =
                        |i: usize| look(0.02 * i as f32, near, radius, 1.0 - 0.01 * i as f32, way, count);
                    frame(&headless, &mut points, &target, &of(0));
                    let mut times: Vec<f64> = (0..FRAMES)
                        .map(|i| frame(&headless, &mut points, &target, &of(i)).as_secs_f64() * 1e3)
                        .collect();
                    times.sort_by(f64::total_cmp);
                    let (best, median) = (times[0], times[FRAMES / 2]);
                    let way = format!("{way:?}").to_lowercase();
                    println!("{count:>10}   {way:8} {name:6} {radius:>6.1} {best:>9.1} {median:>9.1}");
                    if let Some(stem) = &pictures {
                        let file = format!("{stem}-{count}-{way}-{name}-{radius}.ppm");
                        write(&headless, &mut points, &of(0), &file);
                    }
                }
            }
        }
    }
}
