//! Powers of many numbers.

use multiversion::multiversion;

use super::lanes::LANES;

/// The most multiplications that are quicker than a power.
const MOST_FACTORS: f32 = 16.0;

/// Raises each of `bases`, none below 0, to the power of `exponent`.
///
/// Exponents that are whole numbers of eighths, as they mostly are, take up to three square roots and a few multiplications, which the
/// compiler does for several numbers at once.
pub(super) fn raise(bases: &mut [f32], exponent: f32) {
    let whole = |&roots: &i32| (exponent * (1 << roots) as f32).fract() == 0.0;
    match (0..=3).find(whole).filter(|roots| exponent.abs() * (1 << roots) as f32 <= MOST_FACTORS) {
        Some(roots) => raise_by_roots(bases, roots, (exponent * (1 << roots) as f32) as i32),
        None => bases.iter_mut().for_each(|base| *base = base.powf(exponent)),
    }
}

/// Raises each of `bases` to the power of `factors / 2^roots`.
#[multiversion(targets("x86_64+avx2"))]
fn raise_by_roots(bases: &mut [f32], roots: i32, factors: i32) {
    let (chunks, rest) = bases.as_chunks_mut();
    for bases in chunks {
        *bases = by_roots(*bases, roots, factors);
    }
    let mut last = [1.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    rest.copy_from_slice(&by_roots(last, roots, factors)[..rest.len()]);
}

/// Part of [`raise_by_roots`], and compiled for the same processors: therefore inlined.
#[inline(always)]
#[allow(clippy::inline_always)]
fn by_roots(mut bases: [f32; LANES], roots: i32, factors: i32) -> [f32; LANES] {
    for _ in 0..roots {
        for base in &mut bases {
            *base = base.sqrt();
        }
    }
    let mut powers = [1.0; LANES];
    for _ in 0..factors.abs() {
        powers.iter_mut().zip(&bases).for_each(|(power, base)| *power *= base);
    }
    if factors < 0 {
        for power in &mut powers {
            *power = 1.0 / *power;
        }
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_raises_as_the_slow_one() {
        // More than one lot of lanes, the last not full.
        let bases = [0.0, 1e-8, 0.02, 0.3, 1.0, 7.5, 6e4].repeat(5);
        for exponent in [-1.5, -0.375, 0.0, 0.125, 0.3, 0.625, 1.0, 5.0, 6.0, 17.0] {
            let mut raised = bases.clone();
            raise(&mut raised, exponent);
            for (&base, raised) in bases.iter().zip(raised) {
                let expected = f64::from(base).powf(f64::from(exponent)) as f32;
                // Below the least normal number, single precision has steps of 1.4e-45.
                let near = (raised - expected).abs() <= (2e-6 * expected).max(3e-45);
                let both_infinite = raised.is_infinite() && expected.is_infinite();
                assert!(near || both_infinite, "{base}^{exponent} is {expected}, not {raised}");
            }
        }
    }
}
