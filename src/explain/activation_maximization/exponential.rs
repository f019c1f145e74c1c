//! The exponential function as the compiler can compute it for several numbers at once; that of the standard library takes one.

use std::f32::consts::LOG2_E;

/// Added to a number of at most 22 bits, it leaves the nearest whole number in the last bits of the sum.
const SHIFT: f32 = 12_582_912.0;
/// The natural logarithm of 2, as one part that has few digits and the rest.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
/// `(e^x - 1 - x) / x^2` for x of at most half the logarithm of 2, the highest power first.
const SERIES: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// `e^x`, to 2e-7 of itself; numbers beyond -87 and 87 count as these.
///
/// `e^x = 2^n e^(x - n ln 2)`, with the polynomial of `expf` in Moshier's Cephes library. Inlined, so that it is compiled for the
/// processors that its caller is compiled for.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * LOG2_E + SHIFT;
    let whole = shifted - SHIFT;
    let rest = x - whole * LN_2.0 - whole * LN_2.1;
    let series = SERIES.iter().fold(0.0, |sum, coefficient| sum * rest + coefficient);
    // The whole number, moved to where a number's exponent is, makes a power of 2 of 1.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    power * (1.0 + rest + rest * rest * series)
}

/// A whole `number` of at least 0 and below 2^22 as an integer; a conversion takes many steps, since it minds all other numbers.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(super) fn integer(number: f32) -> u32 {
    (number + SHIFT).to_bits() - SHIFT.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_the_standard_librarys() {
        for step in -87_000..=87_000 {
            let x = step as f32 / 1e3;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 2e-7, "e^{x} is {expected}, not {}", exp(x));
        }
        assert_eq!([0.0, 1.0, 223.0, 4_194_303.0].map(integer), [0, 1, 223, 4_194_303]);
        assert!(exp(-1e9) < 1e-37 && exp(1e9) > 1e37 && exp(f32::NEG_INFINITY) < 1e-37);
    }
}
