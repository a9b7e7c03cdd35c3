//! Points land where the camera says, in their colours; near ones hide far ones; many are brighter.

use glam::{Mat4, Vec3};
use gpu::points::{MOST_POINTS, ink};
use gpu::{Headless, PointLook, Points, PointsError, Way};

const SIDE: u32 = 64;
const RED: [u8; 3] = [230, 40, 30];
const BLUE: [u8; 3] = [40, 90, 220];

/// Looks along -z at the square from -1 to 1; depth is 1 at z = 1 and 0 at z = -1.
fn look(way: Way) -> PointLook {
    PointLook {
        clip_from_world: Mat4::orthographic_rh(-1.0, 1.0, -1.0, 1.0, 1.0, -1.0).to_cols_array_2d(),
        radius: 3.0,
        moved: 1.0,
        depths: [1.0; 2],
        chosen: false,
        faint: 0.1,
        exposure: 0.2,
        least: 0.3,
        background: [0.0; 3],
        way,
    }
}

struct Cloud(Headless, Points);

impl Cloud {
    fn new() -> Self {
        let gpu = Headless::new().unwrap();
        let points = Points::new(&gpu.device, gpu::headless::FORMAT);
        Cloud(gpu, points)
    }

    fn set(&mut self, now: &[f32], before: Option<&[f32]>, inks: &[u32]) {
        let Cloud(gpu, points) = self;
        points.set_places((&gpu.device, &gpu.queue), now, before).unwrap();
        points.set_inks(&gpu.queue, inks).unwrap();
    }

    /// Red, green and blue of a pixel.
    fn at(&mut self, look: &PointLook) -> impl Fn(u32, u32) -> [u8; 3] + use<> {
        let bytes = self.1.picture(&self.0, [SIDE; 2], look).unwrap();
        move |x, y| {
            let first = 4 * (y * SIDE + x) as usize;
            [bytes[first], bytes[first + 1], bytes[first + 2]]
        }
    }
}

fn near(a: [u8; 3], b: [u8; 3], by: u8) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= by)
}

#[test]
fn points_land_where_the_camera_says() {
    let mut cloud = Cloud::new();
    let places = [-0.5, 0.5, 0.0, 0.5, -0.25, 0.0];
    cloud.set(&places, None, &[ink(RED, 1.0, false), ink(BLUE, 1.0, false)]);
    for way in [Way::Discs, Way::Density] {
        let look = PointLook {
            exposure: 1e4,
            ..look(way)
        };
        let at = cloud.at(&look);
        // x = -0.5 is pixel 16, y = 0.5 pixel 16 from the top.
        assert!(near(at(16, 16), RED, 4), "{way:?} {:?}", at(16, 16));
        assert!(near(at(48, 40), BLUE, 4), "{way:?} {:?}", at(48, 40));
        for (x, y) in [(16, 48), (32, 32), (16, 21), (48, 45)] {
            assert_eq!(at(x, y), [0; 3], "{way:?} {x} {y}");
        }
        // A perspective camera that has them elsewhere.
        let eye = Mat4::look_at_rh(Vec3::new(0.0, 0.0, 2.0), Vec3::ZERO, Vec3::Y);
        let clip = Mat4::perspective_infinite_reverse_rh(1.2, 1.0, 0.1) * eye;
        let place = clip.project_point3(Vec3::new(-0.5, 0.5, 0.0));
        let pixel = |v: f32| ((0.5 + 0.5 * v) * SIDE as f32) as u32;
        let look = PointLook {
            clip_from_world: clip.to_cols_array_2d(),
            ..look
        };
        assert!(near(cloud.at(&look)(pixel(place.x), pixel(-place.y)), RED, 4));
    }
}

#[test]
fn near_points_hide_far_ones_whatever_the_order() {
    let mut cloud = Cloud::new();
    for (red, blue) in [(0.5, -0.5), (-0.5, 0.5)] {
        let places = [0.0, 0.0, red, 0.0, 0.0, blue];
        cloud.set(&places, None, &[ink(RED, 1.0, false), ink(BLUE, 1.0, false)]);
        let seen = cloud.at(&look(Way::Discs))(32, 32);
        assert!(
            near(seen, if red > blue { RED } else { BLUE }, 4),
            "{red} {seen:?}"
        );
    }
    // Farther ones are darker, where depth is told.
    let clip = Mat4::perspective_infinite_reverse_rh(1.2, 1.0, 0.1)
        * Mat4::look_at_rh(Vec3::new(0.0, 0.0, 3.0), Vec3::ZERO, Vec3::Y);
    cloud.set(
        &[-0.5, 0.0, 0.9, 0.5, 0.0, -0.9],
        None,
        &[ink(RED, 1.0, false), ink(RED, 1.0, false)],
    );
    let look = PointLook {
        clip_from_world: clip.to_cols_array_2d(),
        depths: [2.1, 3.9],
        radius: 4.0,
        ..look(Way::Discs)
    };
    let at = cloud.at(&look);
    let pixel = |p: Vec3| ((0.5 + 0.5 * clip.project_point3(p).x) * SIDE as f32) as u32;
    let (close, far) = (
        at(pixel(Vec3::new(-0.5, 0.0, 0.9)), 32),
        at(pixel(Vec3::new(0.5, 0.0, -0.9)), 32),
    );
    assert!(close[0] > far[0] + 40 && far[0] > 40, "{close:?} {far:?}");
}

#[test]
fn many_points_are_brighter() {
    let mut cloud = Cloud::new();
    let mut seen = Vec::new();
    for count in [1, 4, 16, 64, 1024, 100_000] {
        let places: Vec<f32> = (0..count).flat_map(|_| [0.01, -0.01, 0.0]).collect();
        cloud.set(&places, None, &vec![ink(BLUE, 1.0, false); count]);
        let look = PointLook {
            radius: 0.6,
            ..look(Way::Density)
        };
        seen.push(cloud.at(&look)(32, 32));
    }
    assert!(seen[..5].windows(2).all(|s| s[1][2] > s[0][2] + 5), "{seen:?}");
    assert!(near(seen[5], BLUE, 5), "{seen:?}");
}

#[test]
fn dense_points_have_the_color_of_the_nearest_or_of_any() {
    let mut cloud = Cloud::new();
    // Forty of each colour on each of 16 x 16 pixels.
    let count = 16 * 16 * 80;
    let inks: Vec<u32> = (0..count)
        .map(|i| ink([RED, BLUE][i / 256 % 2], 1.0, false))
        .collect();
    let mut reds = |apart: f32, deep: bool| {
        let place = |i: usize| {
            let pixel = |k: usize| (8 * (k % 16) + 4) as f32 / 64.0 - 1.0 + 1.0 / 64.0;
            [
                pixel(i),
                pixel(i / 16),
                if (i / 256).is_multiple_of(2) {
                    apart
                } else {
                    -apart
                },
            ]
        };
        let places: Vec<f32> = (0..count).flat_map(place).collect();
        cloud.set(&places, None, &inks);
        let eye = Mat4::look_at_rh(Vec3::new(0.0, 0.0, 40.0), Vec3::ZERO, Vec3::Y);
        let clip = Mat4::perspective_infinite_reverse_rh(0.05, 1.0, 0.1) * eye;
        let mut look = PointLook {
            radius: 0.6,
            exposure: 1e3,
            ..look(Way::Density)
        };
        if deep {
            look.clip_from_world = clip.to_cols_array_2d();
            look.depths = [39.0, 41.0];
        }
        let at = cloud.at(&look);
        let all = (0..SIDE * SIDE).map(|i| at(i % SIDE, i / SIDE));
        let (mut red, mut blue) = (0, 0);
        for color in all.filter(|c| *c != [0; 3]) {
            match color[0] > color[2] {
                true => red += 1,
                false => blue += 1,
            }
        }
        (red, blue)
    };
    let (red, blue) = reds(0.0, false);
    assert!(red + blue == 256 && red.min(blue) > 85, "{red} {blue}");
    let (red, blue) = reds(0.5, true);
    assert!(red > 200 && blue == 0, "{red} {blue}");
    let (red, blue) = reds(-0.5, true);
    assert!(blue > 200 && red == 0, "{red} {blue}");
}

#[test]
fn points_move_and_stand_back_without_being_sent() {
    let mut cloud = Cloud::new();
    let (before, now) = ([-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]);
    cloud.set(&now, Some(&before), &[ink(RED, 1.0, false)]);
    for way in [Way::Discs, Way::Density] {
        for (moved, x) in [(0.0, 16), (0.5, 32), (1.0, 48)] {
            let at = cloud.at(&PointLook { moved, ..look(way) });
            assert!(at(x, 32)[0] > 80, "{way:?} {moved}");
            for other in [16, 32, 48].into_iter().filter(|o| *o != x) {
                assert_eq!(at(other, 32), [0; 3], "{way:?} {moved}");
            }
        }
        // One that is left out is faint, and still there; a larger one covers more.
        let look = |chosen| PointLook { chosen, ..look(way) };
        let (all, left_out) = (
            cloud.at(&look(false))(48, 32)[0],
            cloud.at(&look(true))(48, 32)[0],
        );
        assert!(
            left_out > 5 && left_out < all / 2 + 20,
            "{way:?} {left_out} {all}"
        );
        assert_eq!(cloud.at(&look(false))(48, 38), [0; 3]);
        cloud.1.set_inks(&cloud.0.queue, &[ink(RED, 4.0, true)]).unwrap();
        assert!(cloud.at(&look(true))(48, 38)[0] > 80, "{way:?}");
        cloud.1.set_inks(&cloud.0.queue, &[ink(RED, 1.0, false)]).unwrap();
    }
}

#[test]
fn what_cannot_be_drawn_is_told() {
    let Cloud(gpu, mut points) = Cloud::new();
    let device = (&gpu.device, &gpu.queue);
    let found = MOST_POINTS + 1;
    let many = vec![0.0; 3 * found];
    assert_eq!(
        points.set_places(device, &many, None),
        Err(PointsError::TooMany { found })
    );
    drop(many);
    let told = points.set_places(device, &[0.0; 6], Some(&[0.0; 3])).unwrap_err();
    assert!(told.to_string().contains("1 points were given: 2"), "{told}");
    points.set_places(device, &[0.0; 6], None).unwrap();
    let told = points.set_inks(&gpu.queue, &[0]).unwrap_err();
    assert!(told.to_string().contains("inks of 1 points"), "{told}");
    let told = points.picture(&gpu, [0, 9], &look(Way::Discs)).unwrap_err();
    assert!(told.to_string().contains("0 x 9"), "{told}");
    // No points are an empty picture.
    points.set_places(device, &[], None).unwrap();
    points.set_inks(&gpu.queue, &[]).unwrap();
    for way in [Way::Discs, Way::Density] {
        let picture = points.picture(&gpu, [4, 4], &look(way)).unwrap();
        assert!(picture.chunks(4).all(|p| p == [0, 0, 0, 255]));
    }
}
