//! What points are coloured and sized by.

use std::sync::Arc;

use egui::{Color32, Visuals};
use session::Session;
use session::cloud::{Cloud, Subject};

use super::handed::point_ink;
use crate::colors::MAPS;
use crate::style;

/// What points are coloured or sized by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ink {
    /// Their class.
    #[default]
    Class,
    /// The dense group that they lie in.
    Cluster,
    /// The group of k-means.
    Means,
    /// Whether the network is right about them.
    Right,
    /// How sure the network is of its answer.
    Confidence,
    /// Its loss.
    Loss,
    /// How many answers it wavers between.
    Entropy,
    /// The value of a dimension.
    Dimension(usize),
    /// All alike.
    Plain,
}

impl Ink {
    /// As the panel calls it.
    pub fn name(self, subject: &Subject) -> String {
        match self {
            Ink::Class => "class".into(),
            Ink::Cluster => "dense groups".into(),
            Ink::Means => "k-means".into(),
            Ink::Right => "mistakes".into(),
            Ink::Confidence => "confidence".into(),
            Ink::Loss => "loss".into(),
            Ink::Entropy => "entropy".into(),
            Ink::Dimension(i) => subject.dimension(i),
            Ink::Plain => "nothing".into(),
        }
    }

    /// What it means, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Ink::Class => "The class that the data gives",
            Ink::Cluster => "Dense groups of places (HDBSCAN, Campello et al. 2013)",
            Ink::Means => "k groups around their means, in all dimensions (Lloyd 1982)",
            Ink::Right => "What the network is wrong about",
            Ink::Confidence => "The probability that the network gives its answer",
            Ink::Loss => "Cross entropy of the example's own class, nats",
            Ink::Entropy => "Entropy of the network's probabilities, nats: 0 where it is certain",
            Ink::Dimension(_) => "The value of one dimension of the points",
            Ink::Plain => "Every point looks alike",
        }
    }

    /// A number for each point; NaN where there is none. `None` for what is no number.
    pub fn numbers(self, cloud: &Cloud, session: &Session) -> Option<Vec<f32>> {
        let subject = &cloud.subject;
        let predictions = || session.document.as_ref()?.predictions.first();
        let guessed = |of: fn(&session::Guess) -> f32| {
            let known = &predictions()?.guesses;
            Some(
                (0..subject.len())
                    .map(|i| known.get(i).map_or(f32::NAN, of))
                    .collect(),
            )
        };
        match self {
            Ink::Confidence => guessed(|g| g.probability),
            Ink::Loss => guessed(|g| g.loss),
            Ink::Entropy => guessed(|g| g.entropy),
            Ink::Dimension(i) if i < subject.width => Some(
                subject
                    .values
                    .chunks_exact(subject.width)
                    .map(|row| row[i])
                    .collect(),
            ),
            _ => None,
        }
    }
}

impl Ink {
    /// The number of one point.
    pub fn numbers_of(self, cloud: &Cloud, session: &Session, point: usize) -> Option<f32> {
        let subject = &cloud.subject;
        let guess = || session.document.as_ref()?.predictions.first()?.guesses.get(point);
        match self {
            Ink::Confidence => guess().map(|g| g.probability),
            Ink::Loss => guess().map(|g| g.loss),
            Ink::Entropy => guess().map(|g| g.entropy),
            Ink::Dimension(i) if i < subject.width => subject.values.get(point * subject.width + i).copied(),
            _ => None,
        }
    }
}

/// What there is to colour by; dimensions apart.
pub(super) fn offered(cloud: &Cloud, session: &Session) -> Vec<Ink> {
    let mut all = Vec::new();
    if !cloud.subject.classes.is_empty() {
        all.push(Ink::Class);
    }
    if !cloud.clusters.is_empty() {
        all.push(Ink::Cluster);
    }
    all.push(Ink::Means);
    let known = session
        .document
        .as_ref()
        .is_some_and(|d| d.predictions.first().is_some_and(|p| !p.guesses.is_empty()));
    if known && cloud.subject.examples.is_some() {
        all.extend([Ink::Right, Ink::Confidence, Ink::Loss, Ink::Entropy]);
    }
    all.push(Ink::Plain);
    all
}

/// The range that colours and sizes span: a few values outside do not take the differences from the rest.
pub(super) fn range(numbers: &[f32]) -> [f32; 2] {
    let mut finite: Vec<f32> = numbers.iter().copied().filter(|v| v.is_finite()).collect();
    if finite.is_empty() {
        return [0.0, 1.0];
    }
    let last = finite.len() - 1;
    let low = *finite.select_nth_unstable_by(last / 50, f32::total_cmp).1;
    let high = *finite.select_nth_unstable_by(last - last / 50, f32::total_cmp).1;
    [low, high]
}

/// The colour of a share of the range: viridis, without the end that is as the background.
pub(super) fn viridis(share: f32, dark: bool) -> Color32 {
    let stops = MAPS[0].1;
    let (low, high) = if dark { (0.18, 1.0) } else { (0.0, 0.9) };
    let at = (low + (high - low) * share.clamp(0.0, 1.0)) * (stops.len() - 1) as f32;
    let i = (at as usize).min(stops.len() - 2);
    let part = |k: u32| {
        let of = |hex: u32| ((hex >> k) & 255) as f32;
        (of(stops[i]) + (of(stops[i + 1]) - of(stops[i])) * (at - i as f32)) as u8
    };
    Color32::from_rgb(part(16), part(8), part(0))
}

/// The colour and the size of every point, made anew only when what they stand for changes.
#[derive(Default)]
pub(super) struct Paint {
    key: Option<Key>,
    pub colors: Vec<Color32>,
    /// Times the common size; empty: all are alike.
    pub sizes: Vec<f32>,
    /// Range of the colours, where they are of numbers.
    pub range: Option<[f32; 2]>,
    pub inks: Arc<[u32]>,
}

#[derive(PartialEq)]
struct Key {
    subject: usize,
    ink: Ink,
    size: Ink,
    /// Grows with the choice.
    chosen: u64,
    /// Groups and answers as far as they are known.
    known: (usize, usize, u64),
    dark: bool,
}

impl Paint {
    /// Brings colours up to date. `chosen`: each point's choice and a number that grows with it.
    pub fn update(
        &mut self,
        (cloud, session): (&Cloud, &Session),
        (ink, size): (Ink, Ink),
        chosen: (&[bool], u64),
        visuals: &Visuals,
    ) {
        let answers = session
            .document
            .as_ref()
            .and_then(|d| d.predictions.first())
            .map_or(0, |p| p.guesses.len());
        let key = Key {
            subject: Arc::as_ptr(&cloud.subject) as usize,
            ink,
            size,
            chosen: chosen.1,
            known: (
                cloud.clusters.len(),
                answers,
                cloud.kmeans.as_ref().map_or(0, |k| k.version),
            ),
            dark: visuals.dark_mode,
        };
        if self.key.as_ref() == Some(&key) {
            return;
        }
        let count = cloud.subject.len();
        let light = !visuals.dark_mode;
        let plain = visuals.text_color().gamma_multiply(0.75).to_opaque();
        let dim = visuals.weak_text_color().to_opaque();
        let numbers = ink.numbers(cloud, session);
        self.range = numbers.as_deref().map(range);
        let group = |of: Option<&Option<u32>>| match of {
            Some(Some(group)) => style::run(*group as usize, light),
            _ => dim,
        };
        let guesses = session
            .document
            .as_ref()
            .and_then(|d| d.predictions.first())
            .map(|p| &p.guesses);
        let color = |i: usize| match (ink, &numbers, self.range) {
            (_, Some(numbers), Some([low, high])) if numbers[i].is_finite() => {
                viridis((numbers[i] - low) / (high - low).max(f32::MIN_POSITIVE), !light)
            }
            (_, Some(_), _) => dim,
            (Ink::Class, ..) => {
                let label = cloud.subject.labels.get(i);
                label.map_or(plain, |l| style::run(*l as usize, light))
            }
            (Ink::Cluster, ..) => group(cloud.clusters.get(i)),
            (Ink::Means, ..) => match &cloud.kmeans {
                Some(kmeans) => group(kmeans.of.get(i)),
                None => plain,
            },
            (Ink::Right, ..) => {
                let guess = guesses.and_then(|g| g.get(i));
                match (guess, cloud.subject.labels.get(i)) {
                    (Some(guess), Some(label)) if guess.class == *label as usize => plain,
                    (Some(_), Some(_)) => Color32::from_rgb(235, 110, 80),
                    _ => dim,
                }
            }
            _ => plain,
        };
        self.colors = (0..count).map(color).collect();
        self.sizes = match size.numbers(cloud, session) {
            Some(numbers) => {
                let [low, high] = range(&numbers);
                let share = |v: f32| ((v - low) / (high - low).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
                // The area grows evenly; what has no value is small.
                let side = |v: &f32| {
                    if v.is_finite() {
                        (0.2 + 3.0 * share(*v)).sqrt()
                    } else {
                        0.4
                    }
                };
                numbers.iter().map(side).collect()
            }
            None => Vec::new(),
        };
        let of = |i: usize| {
            let [r, g, b, _] = self.colors[i].to_array();
            let size = self.sizes.get(i).copied().unwrap_or(1.0);
            point_ink([r, g, b], size, chosen.0.get(i).copied().unwrap_or(false))
        };
        self.inks = (0..count).map(of).collect();
        self.key = Some(key);
    }
}
