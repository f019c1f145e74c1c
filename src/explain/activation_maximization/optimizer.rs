//! Steps uphill.

use ndarray::ArrayView1;

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
        let (first, second) = (correction(self.momentum), correction(self.decay));
        let gradient = ArrayView1::from(gradient);
        let length = gradient.dot(&gradient).sqrt();
        let factor = if self.normalized && length > 0.0 { 1.0 / length } else { 1.0 };
        let means = self.means.iter_mut().zip(&mut self.squares);
        for ((parameter, slope), (mean, square)) in parameters.iter_mut().zip(gradient).zip(means) {
            let slope = factor * slope;
            *mean += (1.0 - self.momentum) * (slope - *mean);
            *square += (1.0 - self.decay) * (slope * slope - *square);
            *parameter += self.learning_rate * first * *mean / (second * *square + self.epsilon).sqrt();
        }
    }
}
