//! Steps uphill.

use multiversion::multiversion;

use super::lanes::dot;

/// Adam, of which `RMSprop` is the case without momentum and correction.
///
/// Kingma and Ba, "Adam: a method for stochastic optimization", 2014: `x += learning_rate * m / sqrt(v + epsilon)` with the running
/// means m of the gradient and v of its square.
#[derive(Debug, Clone)]
pub(super) struct Optimizer {
    /// How far a step goes.
    learning_rate: f32,
    /// How much of the gradient's running mean is kept at each step.
    momentum: f32,
    /// How much of the squared gradient's running mean is kept at each step.
    decay: f32,
    /// What keeps a vanishing gradient from making steps.
    epsilon: f32,
    /// Whether the means are corrected for having started at 0.
    corrected: bool,
    /// Whether only the gradient's direction counts.
    normalized: bool,
    means: Vec<f32>,
    squares: Vec<f32>,
    steps: i32,
}

impl Optimizer {
    /// `RMSprop` on the gradient's direction, as keras-vis has it; with momentum if wanted.
    pub fn rms_prop(learning_rate: f32, momentum: f32, decay: f32) -> Self {
        Self { epsilon: 1e-7, corrected: false, normalized: true, ..Self::adam(learning_rate, momentum, decay) }
    }

    /// Adam.
    pub fn adam(learning_rate: f32, momentum: f32, decay: f32) -> Self {
        let (means, squares) = (Vec::new(), Vec::new());
        let (epsilon, corrected, normalized) = (1e-16, true, false);
        Self { learning_rate, momentum, decay, epsilon, corrected, normalized, means, squares, steps: 0 }
    }

    /// Moves `parameters` one step along `gradient`, which has as many numbers.
    pub fn step(&mut self, parameters: &mut [f32], gradient: &[f32]) {
        self.means.resize(parameters.len(), 0.0);
        self.squares.resize(parameters.len(), 0.0);
        self.steps += 1;
        let correction = |kept: f32| if self.corrected { 1.0 / (1.0 - kept.powi(self.steps)) } else { 1.0 };
        let length = if self.normalized { dot(gradient, gradient).sqrt() } else { 0.0 };
        let step = Coefficients {
            factor: if length > 0.0 { 1.0 / length } else { 1.0 },
            new: (1.0 - self.momentum, 1.0 - self.decay),
            rate: self.learning_rate * correction(self.momentum),
            correction: correction(self.decay),
            epsilon: self.epsilon,
        };
        move_along(step, parameters, gradient, (&mut self.means, &mut self.squares));
    }
}

/// What one step multiplies by.
#[derive(Debug, Clone, Copy)]
struct Coefficients {
    /// What the gradient is multiplied by.
    factor: f32,
    /// How much of the gradient, and of its square, goes into the running means.
    new: (f32, f32),
    /// How far it goes.
    rate: f32,
    /// What the squares' mean is multiplied by.
    correction: f32,
    epsilon: f32,
}

#[multiversion(targets("x86_64+avx2"))]
fn move_along(
    step: Coefficients,
    parameters: &mut [f32],
    gradient: &[f32],
    (means, squares): (&mut [f32], &mut [f32]),
) {
    let means = means.iter_mut().zip(squares);
    for ((parameter, slope), (mean, square)) in parameters.iter_mut().zip(gradient).zip(means) {
        let slope = step.factor * slope;
        *mean += step.new.0 * (slope - *mean);
        *square += step.new.1 * (slope * slope - *square);
        *parameter += step.rate * *mean / (step.correction * *square + step.epsilon).sqrt();
    }
}
