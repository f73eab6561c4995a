//! Least squares of the throughput, by the method of Levenberg and Marquardt.

use super::model::{Model, Point};

/// Fits the model. σ and κ are shares of a cost and never negative.
pub(super) fn fit(points: &[Point]) -> Option<Model> {
    let mut model = first_guess(points)?;
    let mut error = squares(points, &model);
    let mut damping = 1e-3;
    for _ in 0..200 {
        let (mut normal, gradient) = equations(points, &model);
        for (place, row) in normal.iter_mut().enumerate() {
            row[place] *= 1.0 + damping;
        }
        let Some(step) = solve(normal, gradient) else {
            damping *= 10.0;
            continue;
        };
        let next = Model {
            lambda: model.lambda + step[0],
            sigma: (model.sigma + step[1]).max(0.0),
            kappa: (model.kappa + step[2]).max(0.0),
        };
        let next_error = squares(points, &next);
        if next.lambda > 0.0 && next_error.is_finite() && next_error <= error {
            let settled = error - next_error <= error * 1e-12;
            (model, error) = (next, next_error);
            damping = (damping / 10.0).max(1e-12);
            if settled {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    (error.is_finite() && model.lambda.is_finite()).then_some(model)
}

/// `N / X = (1 + σ(N − 1) + κN(N − 1)) / λ` is linear in 1/λ, σ/λ and κ/λ.
fn first_guess(points: &[Point]) -> Option<Model> {
    let mut normal = [[0.0; 3]; 3];
    let mut right = [0.0; 3];
    for Point { concurrency: n, throughput: x } in points {
        if !(*n > 0.0 && *x > 0.0) {
            return None;
        }
        let terms = [1.0, n - 1.0, n * (n - 1.0)];
        for row in 0..3 {
            for column in 0..3 {
                normal[row][column] += terms[row] * terms[column];
            }
            right[row] += terms[row] * n / x;
        }
    }
    let [one, sigma, kappa] = solve(normal, right)?;
    if one <= 0.0 {
        let best = points.iter().map(|point| point.throughput / point.concurrency).fold(0.0, f64::max);
        return Some(Model { lambda: best, sigma: 0.1, kappa: 0.0 });
    }
    Some(Model { lambda: 1.0 / one, sigma: (sigma / one).max(0.0), kappa: (kappa / one).max(0.0) })
}

fn equations(points: &[Point], model: &Model) -> ([[f64; 3]; 3], [f64; 3]) {
    let mut normal = [[0.0; 3]; 3];
    let mut gradient = [0.0; 3];
    for Point { concurrency: n, throughput } in points {
        let slowdown = model.slowdown(*n);
        let rest = throughput - model.throughput(*n);
        let by_slowdown = -model.lambda * n / (slowdown * slowdown);
        let slopes = [n / slowdown, by_slowdown * (n - 1.0), by_slowdown * n * (n - 1.0)];
        for row in 0..3 {
            for column in 0..3 {
                normal[row][column] += slopes[row] * slopes[column];
            }
            gradient[row] += slopes[row] * rest;
        }
    }
    (normal, gradient)
}

/// Solves three linear equations by Gaussian elimination with pivots.
fn solve(mut left: [[f64; 3]; 3], mut right: [f64; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot = (column..3).max_by(|one, other| left[*one][column].abs().total_cmp(&left[*other][column].abs()))?;
        if left[pivot][column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        left.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..3 {
            let factor = left[row][column] / left[column][column];
            let above = left[column];
            for (place, from) in left[row].iter_mut().zip(above).skip(column) {
                *place -= factor * from;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut found = [0.0; 3];
    for row in (0..3).rev() {
        let known: f64 = (row + 1..3).map(|place| left[row][place] * found[place]).sum();
        found[row] = (right[row] - known) / left[row][row];
    }
    found.iter().all(|number| number.is_finite()).then_some(found)
}

/// Returns the sum of the squared residuals.
pub(super) fn squares(points: &[Point], model: &Model) -> f64 {
    points.iter().map(|point| (point.throughput - model.throughput(point.concurrency)).powi(2)).sum()
}
