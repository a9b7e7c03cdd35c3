//! A box seen from afar shows the means of its cells, face by face.

use glam::{Mat4, Vec3};
use gpu::{Arena, Cells, Flags, Headless, Renderer, View, Volume};

/// Cells along each axis, and pixels along each side of the picture.
const CELLS: u32 = 64;
const PIXELS: u32 = 16;

const CELLS_OF: Cells = Cells {
    counts: [CELLS; 3],
    strides: [1, CELLS, CELLS * CELLS],
};

/// Grey values, 0 to 255, of the face whose normal is `normal`, row by row from the top; columns
/// run along `right`.
fn picture(gpu: &Headless, values: &[f32], flags: u32, normal: Vec3, right: Vec3) -> Vec<[u8; 3]> {
    let mut arena = Arena::default();
    let slot = arena.upload(&gpu.device, &gpu.queue, values, &CELLS_OF).unwrap();
    assert!(slot.means);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    arena.average(&gpu.device, &mut encoder);
    gpu.queue.submit([encoder.finish()]);
    let volume = Volume {
        size: [1.0; 3],
        first: slot.first,
        flags: Flags::VALUES | (CELLS_OF.levels() * Flags::LEVELS) | (3 * Flags::MAP) | flags,
        counts: CELLS_OF.counts,
        elements: slot.len,
        strides: CELLS_OF.strides,
        low: 0.0,
        high: 1.0,
        ..Volume::default()
    };
    let mut renderer = Renderer::new(&gpu.device, gpu::headless::FORMAT);
    renderer.set_scene(&gpu.device, &gpu.queue, &arena, &[(volume, Some(slot))], &[]);
    let up = normal.cross(right);
    let look = Mat4::look_at_rh(normal * 2.0, Vec3::ZERO, up);
    // Depth runs from 1 near to 0 far.
    let clip = Mat4::orthographic_rh(-0.5, 0.5, -0.5, 0.5, 4.0, 0.1) * look;
    let view = View {
        clip_from_world: clip.to_cols_array_2d(),
        eye: (normal * 2.0).extend(1.0).to_array(),
        frame: [PIXELS as f32, PIXELS as f32, 0.0, 0.0],
        background: [0.0, 0.0, 0.0, 1.0],
        fog: [100.0, 200.0, 0.0, 0.0],
        flow: View::DONE,
        marked: [0; 4],
    };
    renderer.set_view(&gpu.queue, &view);
    let clear = wgpu::Color::BLACK;
    let bytes = gpu.picture(PIXELS, PIXELS, clear, |pass| renderer.draw(pass));
    bytes.unwrap().chunks(4).map(|p| [p[0], p[1], p[2]]).collect()
}

/// The mean of the 4 x 4 cells under pixel (`x`, `y`) of the front face.
fn front(values: &[f32], x: u32, y: u32, of: impl Fn(f32) -> f32) -> f32 {
    let cells = (0..16).map(|i| (4 * y + i / 4) * CELLS + 4 * x + i % 4);
    cells.map(|i| of(values[i as usize])).sum::<f32>() / 16.0
}

fn noise() -> Vec<f32> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..CELLS.pow(3)).map(|_| next()).collect()
}

/// Pixels that no rim covers.
fn inner() -> impl Iterator<Item = (u32, u32)> {
    (2..PIXELS - 2).flat_map(|y| (2..PIXELS - 2).map(move |x| (x, y)))
}

fn grey(pixels: &[[u8; 3]], x: u32, y: u32) -> f32 {
    let [r, g, b] = pixels[(y * PIXELS + x) as usize];
    assert!(r.abs_diff(g) < 3 && g.abs_diff(b) < 3, "{r} {g} {b} is not grey");
    r as f32 / 255.0
}

#[test]
fn each_pixel_of_a_far_face_is_the_mean_of_its_cells() {
    let gpu = Headless::new().expect("a Vulkan driver");
    let values = noise();
    // The grey map is linear in what is displayed.
    let near = |found: f32, wanted: f32, place: (u32, u32)| {
        assert!((found - wanted).abs() < 0.012, "{place:?}: {found} for {wanted}");
    };
    let seen = picture(&gpu, &values, 0, Vec3::Z, Vec3::X);
    for (x, y) in inner() {
        near(grey(&seen, x, y), front(&values, x, y, |v| v), (x, y));
    }
    let halves: Vec<f32> = values.iter().map(|v| 2.0 * v - 1.0).collect();
    let seen = picture(&gpu, &halves, Flags::MAGNITUDE, Vec3::Z, Vec3::X);
    for (x, y) in inner() {
        near(grey(&seen, x, y), front(&halves, x, y, f32::abs), (x, y));
    }
}

#[test]
fn every_face_shows_its_own_cells_and_a_single_nan_is_seen_from_afar() {
    let gpu = Headless::new().expect("a Vulkan driver");
    let at = |x: u32, y: u32, z: u32| (z * CELLS * CELLS + y * CELLS + x) as usize;
    // One bright block of 4 x 4 x 4 cells in the corner where x, row and slab are 12 to 15.
    for (normal, right) in [
        (Vec3::Z, Vec3::X),
        (Vec3::NEG_Z, Vec3::NEG_X),
        (Vec3::X, Vec3::NEG_Z),
        (Vec3::NEG_X, Vec3::Z),
        (Vec3::Y, Vec3::X),
        (Vec3::NEG_Y, Vec3::X),
    ] {
        let up = normal.cross(right);
        // Cell at scene place p: rows count down, slabs count away from the viewer in front.
        let cell = |p: Vec3| {
            let place = (Vec3::new(p.x, -p.y, -p.z) + 0.5) * CELLS as f32;
            let index = place.floor().clamp(Vec3::ZERO, Vec3::splat(CELLS as f32 - 1.0));
            at(index.x as u32, index.y as u32, index.z as u32)
        };
        let mut values = vec![0.2; CELLS.pow(3) as usize];
        for i in 0..16 {
            let offset = |n: i32| (12.5 + n as f32) / CELLS as f32 - 0.5;
            let p = normal * 0.499 + right * offset(i % 4) - up * offset(i / 4);
            values[cell(p)] = if i == 5 { f32::NAN } else { 0.9 };
        }
        let seen = picture(&gpu, &values, 0, normal, right);
        for (x, y) in inner() {
            let [r, g, _] = seen[(y * PIXELS + x) as usize];
            let pink = r > 150 && g < 140;
            assert_eq!(pink, (x, y) == (3, 3), "{normal}: {x} {y} {r} {g}");
        }
    }
}
