use ndarray::{Array2, Array3, arr2};

use super::*;

const PHOTO: Rgb<u8> = Rgb([10, 100, 200]);

fn style(output: Output, size: Size) -> Style {
    Style { output, size, ..Style::default() }
}

fn heatmap(map: &ArrayD<f32>, colormap: Option<ColorMap>) -> RgbImage {
    let (height, width) = (map.shape()[map.ndim() - 2] as u32, map.shape()[map.ndim() - 1] as u32);
    let photo = RgbImage::from_pixel(width, height, PHOTO);
    let style = Style { colormap, ..style(Output::Heatmap, Size::Original) };
    render(&photo, Region::whole(width, height), (width, height), &map.view(), &style).unwrap()
}

fn color(map: ColorMap, step: usize) -> Rgb<u8> {
    Rgb(map.colors()[step])
}

#[test]
fn a_map_without_negatives_goes_from_zero_to_its_maximum() {
    let drawn = heatmap(&arr2(&[[0.0, 5.0, 10.0]]).into_dyn(), None);
    let expected = [0, 128, 255].map(|step| color(ColorMap::Jet, step));
    assert_eq!(drawn.pixels().copied().collect::<Vec<_>>(), expected);
}

#[test]
fn a_map_with_negatives_lies_on_both_sides_of_zero() {
    let drawn = heatmap(&arr2(&[[-1.0, 0.0, 2.0]]).into_dyn(), None);
    let expected = [64, 128, 255].map(|step| color(ColorMap::RdBu, step));
    assert_eq!(drawn.pixels().copied().collect::<Vec<_>>(), expected);
    let drawn = heatmap(&arr2(&[[0.0, 2.0]]).into_dyn(), Some(ColorMap::RdBu));
    assert_eq!(drawn.get_pixel(0, 0), &color(ColorMap::RdBu, 128));
    let drawn = heatmap(&arr2(&[[0.0, -2.0]]).into_dyn(), Some(ColorMap::Gray));
    assert_eq!(drawn.pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>(), [128, 0]);
}

#[test]
fn a_few_spikes_do_not_leave_the_rest_dark() {
    let mut map = Array2::from_elem((40, 40), 1.0_f32);
    map[[0, 0]] = 1000.0;
    map[[1, 1]] = 0.0;
    let drawn = heatmap(&map.into_dyn(), None);
    assert_eq!(drawn.get_pixel(20, 20), &color(ColorMap::Jet, 255));
    let mut sparse = Array2::zeros((40, 40));
    sparse[[0, 0]] = 3.0;
    let drawn = heatmap(&sparse.into_dyn(), None);
    assert_eq!(drawn.get_pixel(0, 0), &color(ColorMap::Jet, 255));
    assert_eq!(drawn.get_pixel(20, 20), &color(ColorMap::Jet, 0));
}

#[test]
fn maps_with_the_same_vmax_share_a_scale() {
    let style = Style { vmax: Some(10.0), ..style(Output::Heatmap, Size::Original) };
    let photo = RgbImage::from_pixel(2, 1, PHOTO);
    let drawn = |map: Array2<f32>| render(&photo, Region::whole(2, 1), (2, 1), &map.into_dyn().view(), &style).unwrap();
    let [small, large] = [drawn(arr2(&[[0.0, 5.0]])), drawn(arr2(&[[0.0, 20.0]]))];
    assert_eq!(
        [small.get_pixel(1, 0), large.get_pixel(1, 0)],
        [&color(ColorMap::Jet, 128), &color(ColorMap::Jet, 255)]
    );
    let both_sides = drawn(arr2(&[[-5.0, 5.0]]));
    assert_eq!(both_sides.get_pixel(0, 0), &color(ColorMap::RdBu, 64));
}

#[test]
fn below_the_cutoff_the_photograph_shows() {
    let map = arr2(&[[1.0, -6.0, 10.0]]).into_dyn();
    let photo = RgbImage::from_pixel(3, 1, PHOTO);
    let drawn = |output| {
        let style = Style { cutoff: 0.5, alpha: Alpha::OPAQUE, ..style(output, Size::Original) };
        let drawn = render(&photo, Region::whole(3, 1), (3, 1), &map.view(), &style).unwrap();
        drawn.pixels().copied().collect::<Vec<_>>()
    };
    let [low, high] = [color(ColorMap::RdBu, 51), color(ColorMap::RdBu, 255)];
    assert_eq!(drawn(Output::Overlay), [PHOTO, low, high]);
    assert_eq!(drawn(Output::Heatmap), [OUTSIDE, low, high]);
    let signed = Array3::from_shape_vec((3, 1, 2), vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.1]).unwrap().into_dyn();
    let style = Style { cutoff: 0.5, alpha: Alpha::OPAQUE, ..style(Output::Overlay, Size::Original) };
    let photo = RgbImage::from_pixel(2, 1, PHOTO);
    let drawn = render(&photo, Region::whole(2, 1), (2, 1), &signed.view(), &style).unwrap();
    assert_eq!([drawn.get_pixel(0, 0) == &PHOTO, drawn.get_pixel(1, 0) == &PHOTO], [false, true]);
}

#[test]
fn a_constant_map_is_drawn_as_zeros() {
    for value in [0.0, 7.0, f32::NAN, f32::INFINITY] {
        let drawn = heatmap(&Array2::from_elem((3, 3), value).into_dyn(), None);
        assert!(drawn.pixels().all(|pixel| *pixel == color(ColorMap::Jet, 0)), "{value}");
    }
    let drawn = heatmap(&Array2::from_elem((3, 3), -7.0).into_dyn(), None);
    assert!(drawn.pixels().all(|pixel| *pixel == color(ColorMap::RdBu, 128)));
    let drawn = heatmap(&Array3::zeros((3, 2, 2)).into_dyn(), None);
    assert!(drawn.pixels().all(|pixel| *pixel == Rgb([128; 3])));
}

#[test]
fn numbers_that_are_none_count_as_zero() {
    let drawn = heatmap(&arr2(&[[f32::NAN, 1.0, f32::INFINITY]]).into_dyn(), None);
    let expected = [0, 255, 0].map(|step| color(ColorMap::Jet, step));
    assert_eq!(drawn.pixels().copied().collect::<Vec<_>>(), expected);
}

#[test]
fn a_signed_gradient_keeps_its_colours_about_grey() {
    let gradient = Array3::from_shape_vec((3, 1, 2), vec![2.0, 0.0, 0.0, 0.0, -1.0, 0.0]).unwrap();
    let drawn = heatmap(&gradient.into_dyn(), None);
    assert_eq!(drawn.get_pixel(0, 0), &Rgb([255, 128, 64]));
    assert_eq!(drawn.get_pixel(1, 0), &Rgb([128; 3]));
}

#[test]
fn other_shapes_are_an_error() {
    let photo = RgbImage::new(2, 2);
    for map in [ArrayD::zeros(vec![4]), ArrayD::zeros(vec![2, 2, 2]), ArrayD::zeros(vec![1, 3, 2, 2])] {
        let drawn = render(&photo, Region::whole(2, 2), (2, 2), &map.view(), &Style::default());
        assert_eq!(drawn.unwrap_err().kind, crate::error::Kind::Internal);
    }
}

#[test]
fn an_overlay_lies_on_what_the_model_saw_and_nowhere_else() {
    let photo = RgbImage::from_pixel(40, 20, PHOTO);
    let seen = Region { left: 9.6, top: 0.0, width: 20.0, height: 20.0 };
    let map = arr2(&[[0.0, 1.0], [1.0, 0.0]]).into_dyn();
    let overlay = render(&photo, seen, (8, 8), &map.view(), &Style::default()).unwrap();
    assert_eq!(overlay.dimensions(), (40, 20));
    let untouched = |x: u32| (0..20).all(|y| overlay.get_pixel(x, y) == &PHOTO);
    assert!((0..10).chain(30..40).all(untouched));
    assert!((10..30).all(|x| !untouched(x)));
    let [red, green, blue] = color(ColorMap::Jet, 255).0;
    assert_eq!(overlay.get_pixel(29, 0), &Rgb([(10 + red).div_ceil(2), u8::midpoint(100, green), 100 + blue / 2]));

    let heatmap = render(&photo, seen, (8, 8), &map.view(), &style(Output::Heatmap, Size::Original)).unwrap();
    assert_eq!(heatmap.get_pixel(9, 0), &OUTSIDE);
    assert_eq!(heatmap.get_pixel(10, 0), &color(ColorMap::Jet, 0));
    assert_eq!(heatmap.get_pixel(29, 0), &color(ColorMap::Jet, 255));
    assert_eq!(heatmap.get_pixel(30, 0), &OUTSIDE);
}

#[test]
fn at_the_models_size_only_what_it_saw_is_drawn() {
    let photo = RgbImage::from_fn(40, 20, |x, _| if (10..30).contains(&x) { PHOTO } else { Rgb([0; 3]) });
    let seen = Region { left: 10.0, top: 0.0, width: 20.0, height: 20.0 };
    let map = arr2(&[[0.0, 1.0]]).into_dyn();
    let invisible = Style { alpha: Alpha::try_from(0.0).unwrap(), ..style(Output::Overlay, Size::Model) };
    let overlay = render(&photo, seen, (10, 6), &map.view(), &invisible).unwrap();
    assert_eq!(overlay.dimensions(), (10, 6));
    assert_eq!(overlay.get_pixel(5, 3), &PHOTO);
    let heatmap = render(&photo, seen, (10, 6), &map.view(), &style(Output::Heatmap, Size::Model)).unwrap();
    assert_eq!(
        (heatmap.get_pixel(0, 0), heatmap.get_pixel(9, 5)),
        (&color(ColorMap::Jet, 0), &color(ColorMap::Jet, 255))
    );
}

#[test]
fn a_region_thinner_than_a_pixel_gets_one() {
    let photo = RgbImage::from_pixel(100, 1, PHOTO);
    for left in [0.0, 49.6, 99.7] {
        let seen = Region { left, top: 0.0, width: 0.2, height: 1.0 };
        let overlay = render(&photo, seen, (8, 8), &arr2(&[[0.0, 1.0]]).into_dyn().view(), &Style::default()).unwrap();
        assert_eq!(overlay.pixels().filter(|pixel| **pixel != PHOTO).count(), 1, "{left}");
    }
}

#[test]
fn pictures_stand_in_a_row() {
    let picture = |width, height, value| RgbImage::from_pixel(width, height, Rgb([value; 3]));
    assert_eq!(side_by_side(vec![picture(3, 2, 9)]), picture(3, 2, 9));
    let row = side_by_side(vec![picture(3, 2, 1), picture(5, 4, 2)]);
    assert_eq!(row.dimensions(), (3 + MARGIN + 5, 4));
    assert_eq!(row.get_pixel(2, 1), &Rgb([1; 3]));
    assert_eq!(row.get_pixel(0, 3), &MARGIN_COLOR);
    assert_eq!(row.get_pixel(3, 0), &MARGIN_COLOR);
    assert_eq!(row.get_pixel(3 + MARGIN, 3), &Rgb([2; 3]));
}

#[test]
fn a_png_holds_the_same_pixels() {
    let picture = RgbImage::from_fn(31, 17, |x, y| Rgb([x as u8 * 8, y as u8 * 15, 77]));
    let file = encode_png(&picture).unwrap();
    assert_eq!(image::load_from_memory(&file).unwrap().into_rgb8(), picture);
}
