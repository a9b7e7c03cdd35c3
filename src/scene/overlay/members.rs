//! The name, the cost and the score of each network that stands beside others.

use egui::{Align2, Rect, pos2, vec2};
use glam::Vec3;
use layout::Arrangement;
use session::words::short;

use super::Sheet;

/// Sizes of the lines, and from one to the next, points.
const SIZES: [f32; 3] = [15.0, 11.5, 11.5];
const STEP: f32 = 16.0;

/// The words of a network, and where they stand.
pub(super) struct Words {
    /// Other texts keep off.
    pub place: Rect,
    lines: Vec<String>,
}

/// The words of each network.
pub(super) fn words<'a>(sheet: &'a Sheet) -> &'a [Words] {
    sheet.found.members.get_or_init(|| find(sheet))
}

fn find(sheet: &Sheet) -> Vec<Words> {
    let document = sheet.document;
    // What each says, once the flow has come to it.
    let (session, end) = (sheet.session, sheet.session.columns());
    let there = session.state.playhead >= end && !document.classes.is_empty();
    let answers = if there { session.answers() } else { Vec::new() };
    let sides = document.sides.iter().zip(&document.source.members).enumerate();
    sides
        .filter_map(|(i, (side, member))| {
            let stood = &sheet.stage.layout;
            let volumes = || {
                stood
                    .volumes
                    .iter()
                    .filter(|v| layout::band(&document.source, v.node) == i)
            };
            let first = volumes().min_by_key(|v| v.rank)?;
            // Bars stand on one line, and the highest is not the first.
            let top = match stood.arrangement {
                Arrangement::Strip => volumes().map(|v| v.max().y).fold(first.max().y, f32::max),
                _ => first.max().y,
            };
            let [front, back] = [first.max().z, first.min().z].map(|z| {
                let corner = Vec3::new(first.min().x, top, z);
                let at = sheet.stage.rig.camera.project(corner, sheet.size());
                at.map(|(at, _)| sheet.at(at))
            });
            let (front, back) = (front?, back?);
            let at = pos2(front.x, front.y.min(back.y));
            let total = &side.cost.total;
            let layers = side.network.main().layers.len();
            let mut lines = vec![
                member.name.clone(),
                format!("{layers} layers · {} parameters", short(total.parameters)),
            ];
            let macs = total.macs.map(|m| format!("{} MACs", short(m)));
            let known = document.predictions.get(i).zip(document.samples.as_ref());
            let known = known.filter(|(k, s)| k.guesses.len() == s.len());
            let right = known.map(|(known, samples)| {
                let share = known.right(samples) as f32 / samples.len() as f32;
                format!("{:.1} % of {} right", 100.0 * share, samples.len())
            });
            let facts: Vec<String> = macs.into_iter().chain(right).collect();
            lines.extend((!facts.is_empty()).then(|| facts.join(" · ")));
            let best = answers
                .get(i)
                .and_then(|a| a.as_ref()?.ranked(1).into_iter().next());
            if let Some(best) = best {
                let percent = match session.state.softmax {
                    true => format!(" {:.1} %", 100.0 * best.value),
                    false => String::new(),
                };
                lines[0] += &format!(": {}{percent}", best.name);
            }
            let wide = lines.iter().zip(SIZES).map(|(l, size)| sheet.width(l, size));
            let size = vec2(wide.fold(0.0, f32::max), STEP * lines.len() as f32 + 3.0);
            let room = sheet.rect.shrink(12.0);
            let mut corner = at - vec2(4.0, size.y + 6.0);
            corner.x = corner.x.min(room.right() - size.x).max(room.left());
            if at.y > room.top() + STEP {
                corner.y = corner.y.max(room.top());
            }
            let place = Rect::from_min_size(corner, size);
            let seen = room.contains_rect(place);
            seen.then_some(Words { place, lines })
        })
        .collect()
}

pub(super) fn draw(sheet: &Sheet) {
    for Words { place, lines } in words(sheet) {
        for (i, line) in lines.iter().enumerate() {
            let at = place.left_top() + vec2(0.0, STEP * i as f32 + if i > 0 { 3.0 } else { 0.0 });
            sheet.haloed(at, Align2::LEFT_TOP, line, SIZES[i], i == 0);
        }
    }
}
