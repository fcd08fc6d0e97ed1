//! Pictures in memory of our own: what the test picture draws into, what a stream of raw pictures is read into.

use super::{Picture, Pixels, Pooled};

/// A picture in a buffer that goes back to its pool, its planes one behind the other without gaps.
#[derive(Debug)]
pub(crate) struct OwnedPicture {
    blank: Picture<'static>,
    bytes: Pooled<Vec<u8>>,
}

impl OwnedPicture {
    /// `None` where there are not exactly [`Picture::bytes`] of them.
    pub(crate) fn new(blank: Picture<'static>, bytes: Pooled<Vec<u8>>) -> Option<Self> {
        (bytes.len() as u64 == blank.bytes()).then_some(OwnedPicture { blank, bytes })
    }
}

impl Pixels for OwnedPicture {
    fn picture(&self) -> Picture<'_> {
        let [first, ..] = self.blank.plane_sizes();
        let placed = self.blank.placed(&self.bytes, first.row_bytes);
        placed.expect("there are as many bytes as its planes have")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::PixelFormat;

    #[test]
    fn planes_lie_one_behind_the_other() {
        let bytes: Vec<u8> = (0..27).collect();
        let owned = OwnedPicture::new(Picture::blank(PixelFormat::I420, 3, 5), bytes.into());
        let planes = owned.as_ref().unwrap().picture().planes;
        assert_eq!(planes.map(|plane| plane.data[0]), [0, 15, 21]);
        assert_eq!(planes.map(|plane| plane.stride), [3, 2, 2]);
    }

    #[test]
    fn a_byte_too_few_is_no_picture() {
        let blank = Picture::blank(PixelFormat::Gray, 2, 2);
        assert!(OwnedPicture::new(blank, vec![0; 3].into()).is_none());
    }
}
