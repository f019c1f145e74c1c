//! Colour maps from the literature, by their usual names.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How numbers become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum ColorMap {
    /// Blue to red through green, as in most Grad-CAM figures.
    Jet,
    /// Violet to yellow through green; even steps look even, also in grey and to the colour-blind.
    Viridis,
    /// Blue to red through green like jet, without its false edges.
    Turbo,
    /// Black to pale yellow through red.
    Inferno,
    /// Black to pale pink through violet.
    Magma,
    /// Blue to yellow through pink.
    Plasma,
    /// Blue to yellow through grey, made for the colour-blind.
    Cividis,
    /// Black to white.
    Gray,
    /// Negative blue, zero white, positive red: `ColorBrewer`'s diverging map `RdBu`, from its blue end.
    RdBu,
}

impl ColorMap {
    /// Whether the middle of the map stands for zero.
    pub fn is_diverging(self) -> bool {
        self == Self::RdBu
    }

    /// The RGB colours of 256 even steps from the lowest number to the highest.
    pub fn colors(self) -> [[u8; 3]; 256] {
        std::array::from_fn(|step| self.color(step as f64 / 255.0))
    }

    /// The colour at `t` of 0 to 1.
    fn color(self, t: f64) -> [u8; 3] {
        let gradient = match self {
            Self::Jet => return jet(t),
            Self::Gray => return [level(t); 3],
            Self::RdBu => return colorous::RED_BLUE.eval_continuous(1.0 - t).into_array(),
            Self::Viridis => colorous::VIRIDIS,
            Self::Turbo => colorous::TURBO,
            Self::Inferno => colorous::INFERNO,
            Self::Magma => colorous::MAGMA,
            Self::Plasma => colorous::PLASMA,
            Self::Cividis => colorous::CIVIDIS,
        };
        gradient.eval_continuous(t).into_array()
    }
}

/// The piecewise linear curves that matplotlib's `_cm.py` defines jet by: each channel as (t, value).
fn jet(t: f64) -> [u8; 3] {
    const RED: &[(f64, f64)] = &[(0.0, 0.0), (0.35, 0.0), (0.66, 1.0), (0.89, 1.0), (1.0, 0.5)];
    const GREEN: &[(f64, f64)] = &[(0.0, 0.0), (0.125, 0.0), (0.375, 1.0), (0.64, 1.0), (0.91, 0.0), (1.0, 0.0)];
    const BLUE: &[(f64, f64)] = &[(0.0, 0.5), (0.11, 1.0), (0.34, 1.0), (0.65, 0.0), (1.0, 0.0)];
    [RED, GREEN, BLUE].map(|points| {
        let piece = points.windows(2).find(|piece| t <= piece[1].0);
        level(piece.map_or(0.0, |piece| {
            let ((from, low), (to, high)) = (piece[0], piece[1]);
            low + (high - low) * (t - from) / (to - from)
        }))
    })
}

fn level(value: f64) -> u8 {
    (value * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// matplotlib's `colormaps[name](step, bytes=True)` at steps 0, 64, 128, 192 and 255; `RdBu` is its `RdBu_r`.
    #[test]
    fn maps_have_matplotlibs_colours() {
        let expected = [
            (ColorMap::Jet, [[0, 0, 127], [0, 128, 255], [124, 255, 121], [255, 148, 0], [127, 0, 0]]),
            (ColorMap::Viridis, [[68, 1, 84], [58, 82, 139], [32, 144, 140], [94, 201, 97], [253, 231, 36]]),
            (ColorMap::Turbo, [[48, 18, 59], [40, 187, 235], [164, 252, 59], [250, 125, 32], [122, 4, 2]]),
            (ColorMap::Inferno, [[0, 0, 3], [87, 15, 109], [187, 55, 84], [249, 142, 8], [252, 254, 164]]),
            (ColorMap::Magma, [[0, 0, 3], [80, 18, 123], [182, 54, 121], [251, 136, 97], [251, 252, 191]]),
            (ColorMap::Plasma, [[12, 7, 134], [126, 3, 167], [203, 71, 119], [248, 149, 64], [239, 248, 33]]),
            (ColorMap::Cividis, [[0, 34, 77], [67, 78, 107], [124, 123, 120], [187, 173, 108], [253, 231, 55]]),
            (ColorMap::Gray, [[0, 0, 0], [64, 64, 64], [128, 128, 128], [192, 192, 192], [255, 255, 255]]),
            (ColorMap::RdBu, [[5, 48, 97], [107, 172, 208], [247, 246, 246], [228, 128, 101], [103, 0, 31]]),
        ];
        for (map, colors) in expected {
            // The crate computes turbo and cividis by polynomials, which stray from the tables.
            let tolerance = if map == ColorMap::Turbo { 36 } else { 14 };
            for (step, color) in [0, 64, 128, 192, 255].into_iter().zip(colors) {
                let found = map.colors()[step];
                let near = (0..3).all(|channel| found[channel].abs_diff(color[channel]) <= tolerance);
                assert!(near, "{map:?} at {step}: {found:?}, not {color:?}");
            }
        }
    }

    #[test]
    fn the_middle_of_a_diverging_map_is_nearly_white() {
        let colours = ColorMap::RdBu.colors();
        assert!(colours[127].iter().chain(&colours[128]).all(|value| *value > 235));
        let ([red_low, _, blue_low], [red_high, _, blue_high]) = (colours[20], colours[235]);
        assert!(blue_low > red_low && red_high > blue_high);
    }
}
