//! Sums over many numbers, several of them at once.

use multiversion::multiversion;

/// How many running sums there are: two of AVX2's registers, which other processors have too or make up of smaller ones.
pub(super) const LANES: usize = 16;

/// The sum of the products of `left` and `right`, which are equally many.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let ((left, last_left), (right, last_right)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    for ((sum, left), right) in sums.iter_mut().zip(last_left).zip(last_right) {
        *sum += left * right;
    }
    sums.iter().sum()
}

/// The largest distance of one of `values` from `middle`; 0 of none.
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn farthest(values: &[f32], middle: f32) -> f32 {
    let (values, last) = values.as_chunks::<LANES>();
    let mut farthest = [0.0_f32; LANES];
    for values in values {
        for (farthest, value) in farthest.iter_mut().zip(values) {
            *farthest = farthest.max((value - middle).abs());
        }
    }
    for (farthest, value) in farthest.iter_mut().zip(last) {
        *farthest = farthest.max((value - middle).abs());
    }
    farthest.iter().fold(0.0, |farthest, distance| farthest.max(*distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_left_out() {
        for count in [0, 1, 15, 16, 17, 50] {
            let values: Vec<f32> = (1..=count).map(|value| value as f32).collect();
            let squares: f32 = values.iter().map(|value| value * value).sum();
            assert_eq!((dot(&values, &values), farthest(&values, 0.0)), (squares, count as f32));
        }
        assert!((farthest(&[-3.0, 2.0], 0.5) - 3.5).abs() < 1e-6);
    }
}
