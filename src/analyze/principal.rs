//! The plane in which a path through a space of many dimensions lies best.

use nalgebra::DMatrix;

/// Two directions of many dimensions, and how much of a path they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalPlane {
    /// At right angles to each other, of length 1. The second is 0 for points on a line.
    pub directions: [Vec<f32>; 2],
    /// Share of the sum of squared distances from the origin that each explains, 0 to 1.
    pub explained: [f64; 2],
}

/// The plane through the origin that comes closest to `points`, offsets from it of one length: the
/// first two right singular vectors of the matrix whose rows they are. With offsets from the last
/// weights of a training this is the plane of Li, Xu, Taylor, Studer and Goldstein ("Visualizing the
/// Loss Landscape of Neural Nets", 2018, section 7.2).
///
/// It is found through the products of the points with each other, so that the number of dimensions
/// only counts once. `None` without points, for points of different lengths, and where all are the
/// origin or one is not finite. The first point's coordinates are never negative.
pub fn principal_plane(points: &[Vec<f32>]) -> Option<PrincipalPlane> {
    let length = points.first()?.len();
    if points.iter().any(|p| p.len() != length) {
        return None;
    }
    let n = points.len();
    let mut products = DMatrix::<f64>::zeros(n, n);
    for i in 0..n {
        for j in i..n {
            let pairs = points[i].iter().zip(&points[j]);
            let dot: f64 = pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            products[(i, j)] = dot;
            products[(j, i)] = dot;
        }
    }
    let trace = products.trace();
    if !trace.is_finite() || trace <= 0.0 {
        return None;
    }
    let eigen = products.symmetric_eigen();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let direction = |rank: usize| -> (Vec<f32>, f64) {
        let Some(&k) = order.get(rank) else {
            return (vec![0.0; length], 0.0);
        };
        let value = eigen.eigenvalues[k].max(0.0);
        // What rounding left of 0 is no direction.
        if value <= 1e-12 * trace {
            return (vec![0.0; length], 0.0);
        }
        let vector = eigen.eigenvectors.column(k);
        let first = vector.iter().find(|v| v.abs() > 1e-9).copied().unwrap_or(1.0);
        let scale = first.signum() / value.sqrt();
        let mut direction = vec![0f64; length];
        for (point, weight) in points.iter().zip(vector.iter()) {
            for (d, &p) in direction.iter_mut().zip(point) {
                *d += f64::from(p) * weight * scale;
            }
        }
        (direction.iter().map(|&d| d as f32).collect(), value / trace)
    };
    let ((first, a), (second, b)) = (direction(0), direction(1));
    Some(PrincipalPlane {
        directions: [first, second],
        explained: [a, b],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.linalg.svd` of the rows below: all singular values, and the first two vectors.
    const SINGULAR: [f64; 3] = [4.80333348, 3.28318806, 1.84354647];
    const VECTORS: [[f32; 3]; 2] = [
        [-0.4068635, 0.3041611, 0.8613641],
        [-0.5636267, -0.8256415, 0.0253190],
    ];

    #[test]
    fn a_path_in_a_plane_is_found() {
        // Three times along x + y, once along z.
        let points = vec![
            vec![3.0, 3.0, 0.0, 0.0],
            vec![1.0, 1.0, 1.0, 0.0],
            vec![0.0, 0.0, 0.0, 0.0],
        ];
        let plane = principal_plane(&points).unwrap();
        assert!((plane.explained[0] + plane.explained[1] - 1.0).abs() < 1e-12);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let [u, v] = &plane.directions;
        assert!((dot(u, u) - 1.0).abs() < 1e-6 && (dot(v, v) - 1.0).abs() < 1e-6);
        assert!(dot(u, v).abs() < 1e-6);
        // Every point is the sum of its two shadows.
        for point in &points {
            let (a, b) = (dot(point, u), dot(point, v));
            for i in 0..4 {
                assert!((a * u[i] + b * v[i] - point[i]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn singular_vectors_are_numpys() {
        let rows = [
            [2.0, 1.0, 0.0],
            [0.0, 3.0, 1.0],
            [1.0, 0.0, 1.0],
            [-2.0, 0.5, 4.0],
        ];
        let points: Vec<Vec<f32>> = rows.iter().map(|r| r.to_vec()).collect();
        let plane = principal_plane(&points).unwrap();
        let all: f64 = [SINGULAR[0], SINGULAR[1], SINGULAR[2]]
            .iter()
            .map(|s| s * s)
            .sum();
        for k in 0..2 {
            assert!((plane.explained[k] - SINGULAR[k] * SINGULAR[k] / all).abs() < 1e-6);
            let dot: f32 = plane.directions[k]
                .iter()
                .zip(VECTORS[k])
                .map(|(a, b)| a * b)
                .sum();
            assert!((dot.abs() - 1.0).abs() < 1e-6, "{k}: {dot}");
        }
    }

    #[test]
    fn what_spans_no_plane_is_none_or_a_line() {
        assert_eq!(principal_plane(&[]), None);
        assert_eq!(principal_plane(&[vec![0.0, 0.0]]), None);
        assert_eq!(principal_plane(&[vec![1.0], vec![1.0, 2.0]]), None);
        assert_eq!(principal_plane(&[vec![f32::NAN, 0.0]]), None);
        let line = principal_plane(&[vec![0.0, 2.0], vec![0.0, 1.0]]).unwrap();
        assert_eq!(line.directions, [vec![0.0, 1.0], vec![0.0, 0.0]]);
        assert!((line.explained[0] - 1.0).abs() < 1e-12 && line.explained[1] == 0.0);
    }
}
