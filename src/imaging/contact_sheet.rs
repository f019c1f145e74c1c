//! Pictures in a grid, each under its title.

use ab_glyph::{Font, FontRef, Glyph, PxScaleFont, ScaleFont, point};
use image::{Rgb, RgbImage, imageops};

use crate::error::{Error, Result};

const BACKGROUND: Rgb<u8> = Rgb([255; 3]);
const INK: u8 = 32;
/// Around and between the cells, in pixels.
const MARGIN: u32 = 12;
/// Between a title and its picture, in pixels.
const GAP: u32 = 4;
/// The height of text in pixels: that share of the widest tile, within these limits.
const TEXTS_PER_TILE: f32 = 16.0;
const SMALLEST_TEXT: f32 = 15.0;
const LARGEST_TEXT: f32 = 48.0;

/// The `tiles` on white in rows of `columns`, each with its title above it.
///
/// Titles are in `DejaVu` Sans, as large as the widest tile asks for (15 to 48 pixels), and broken between words where they
/// are wider than it. No title is cut off: a word that is wider than all tiles widens the cells.
pub fn contact_sheet(tiles: &[(String, RgbImage)], columns: usize) -> Result<RgbImage> {
    let widest = tiles.iter().map(|(_, tile)| tile.width()).max().unwrap_or(0);
    let text = Text::new((widest as f32 / TEXTS_PER_TILE).clamp(SMALLEST_TEXT, LARGEST_TEXT))?;
    let words = tiles.iter().flat_map(|(title, _)| title.split_whitespace());
    let cell = words.map(|word| text.width(word)).max().unwrap_or(0).max(widest);
    let titles: Vec<Vec<String>> = tiles.iter().map(|(title, _)| text.wrap(title, cell)).collect();
    let columns = columns.clamp(1, tiles.len().max(1));
    let rows: Vec<Row<'_>> = tiles.chunks(columns).zip(titles.chunks(columns)).map(|(t, l)| Row::new(t, l)).collect();

    let width = columns as u32 * (cell + MARGIN) + MARGIN;
    let height = rows.iter().map(|row| row.height(&text) + MARGIN).sum::<u32>() + MARGIN;
    let mut sheet = RgbImage::from_pixel(width, height, BACKGROUND);
    let mut top = MARGIN;
    for row in &rows {
        row.draw(&mut sheet, top, cell, &text);
        top += row.height(&text) + MARGIN;
    }
    Ok(sheet)
}

/// One row of the sheet.
struct Row<'a> {
    tiles: &'a [(String, RgbImage)],
    titles: &'a [Vec<String>],
    lines: u32,
}

impl<'a> Row<'a> {
    fn new(tiles: &'a [(String, RgbImage)], titles: &'a [Vec<String>]) -> Self {
        Self { tiles, titles, lines: titles.iter().map(Vec::len).max().unwrap_or(0) as u32 }
    }

    fn height(&self, text: &Text) -> u32 {
        self.titles_height(text) + self.tiles.iter().map(|(_, tile)| tile.height()).max().unwrap_or(0)
    }

    fn titles_height(&self, text: &Text) -> u32 {
        if self.lines == 0 { 0 } else { self.lines * text.line + GAP }
    }

    /// Draws the row with its upper edge at `top`; titles stand directly above their tiles, both centred in their cells.
    fn draw(&self, sheet: &mut RgbImage, top: u32, cell: u32, text: &Text) {
        for (column, ((_, tile), lines)) in self.tiles.iter().zip(self.titles).enumerate() {
            let left = MARGIN + column as u32 * (cell + MARGIN);
            let first = top + (self.lines - lines.len() as u32) * text.line;
            for (index, line) in lines.iter().enumerate() {
                let start = left + (cell - text.width(line).min(cell)) / 2;
                text.draw(sheet, line, start, first + index as u32 * text.line);
            }
            let left = left + (cell - tile.width()) / 2;
            imageops::replace(sheet, tile, left.into(), (top + self.titles_height(text)).into());
        }
    }
}

/// A font at one size.
struct Text {
    font: PxScaleFont<FontRef<'static>>,
    /// The height of a line in pixels.
    line: u32,
}

impl Text {
    fn new(size: f32) -> Result<Self> {
        let font = FontRef::try_from_slice(dejavu::sans::regular())
            .map_err(|error| Error::internal(format!("the font cannot be read: {error}")))?
            .into_scaled(size);
        Ok(Self { line: font.height().ceil() as u32, font })
    }

    /// The width of `line` in pixels.
    fn width(&self, line: &str) -> u32 {
        let last = self.glyphs(line).pop();
        last.map_or(0, |glyph| (glyph.position.x + self.font.h_advance(glyph.id)).ceil() as u32)
    }

    /// The words of `title` in lines no wider than `width`, where the words allow it.
    fn wrap(&self, title: &str, width: u32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in title.split_whitespace() {
            let longer = lines.last().map(|line| format!("{line} {word}")).filter(|line| self.width(line) <= width);
            match (longer, lines.last_mut()) {
                (Some(longer), Some(last)) => *last = longer,
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    /// The glyphs of `line`, kerned, the pen starting at (0, 0) on the base line.
    fn glyphs(&self, line: &str) -> Vec<Glyph> {
        let mut glyphs: Vec<Glyph> = Vec::new();
        for letter in line.chars() {
            let mut glyph = self.font.scaled_glyph(letter);
            if let Some(before) = glyphs.last() {
                let pen = before.position.x + self.font.h_advance(before.id) + self.font.kern(before.id, glyph.id);
                glyph.position = point(pen, 0.0);
            }
            glyphs.push(glyph);
        }
        glyphs
    }

    /// Writes `line` with the upper left corner of its first letter's box at (`left`, `top`).
    fn draw(&self, sheet: &mut RgbImage, line: &str, left: u32, top: u32) {
        let origin = point(left as f32, top as f32 + self.font.ascent());
        for mut glyph in self.glyphs(line) {
            glyph.position += origin;
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
                let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
                if let Some(pixel) = sheet.get_pixel_mut_checked(x, y) {
                    let darkened = |level: u8| f32::from(level) + (f32::from(INK) - f32::from(level)) * coverage;
                    pixel.0 = pixel.0.map(|level| darkened(level).clamp(0.0, 255.0) as u8);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgb<u8> = Rgb([255, 0, 0]);

    fn tile(title: &str, width: u32, height: u32) -> (String, RgbImage) {
        (title.to_owned(), RgbImage::from_pixel(width, height, RED))
    }

    fn is_dark(pixel: &Rgb<u8>) -> bool {
        pixel.0.iter().all(|level| *level < 128)
    }

    #[test]
    fn every_tile_is_there_whole_with_a_margin() {
        let tiles = [tile("one", 100, 50), tile("two", 80, 60), tile("three", 100, 50)];
        let sheet = contact_sheet(&tiles, 2).unwrap();
        assert_eq!(sheet.width(), 2 * 100 + 3 * MARGIN);
        let red = sheet.pixels().filter(|pixel| **pixel == RED).count();
        assert_eq!(red, 100 * 50 + 80 * 60 + 100 * 50);
        let mut border =
            (0..sheet.height()).flat_map(|y| [sheet.get_pixel(0, y), sheet.get_pixel(sheet.width() - 1, y)]);
        assert!(border.all(|pixel| *pixel == BACKGROUND));
    }

    #[test]
    fn a_long_word_widens_the_cells_and_a_long_title_is_broken() {
        let word = "block5_conv3_with_a_very_long_name";
        let sheet = contact_sheet(&[tile(word, 10, 10)], 1).unwrap();
        assert!(sheet.width() > 200);
        let last = (0..sheet.width()).rev().find(|&x| (0..sheet.height()).any(|y| is_dark(sheet.get_pixel(x, y))));
        let last = last.unwrap();
        assert!(last < sheet.width() - MARGIN && last + 20 > sheet.width() - MARGIN, "{last} of {}", sheet.width());
        let one = contact_sheet(&[tile("word", 120, 10)], 1).unwrap();
        let two = contact_sheet(&[tile("several words of a title", 120, 10)], 1).unwrap();
        assert_eq!(one.width(), two.width());
        assert!(two.height() > one.height());
    }

    #[test]
    fn no_tiles_and_no_titles_are_no_failure() {
        assert_eq!(contact_sheet(&[], 3).unwrap().dimensions(), (2 * MARGIN, MARGIN));
        let bare = contact_sheet(&[tile("", 10, 10)], 0).unwrap();
        assert_eq!(bare.dimensions(), (10 + 2 * MARGIN, 10 + 2 * MARGIN));
    }
}
