//! The bitmap that a window shows, and the memory that its pixels are in.

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::ops::DerefMut;

/// What a window shows: one `u32` a pixel, `0x00RRGGBB`, rows without gaps.
#[derive(Debug, Default)]
pub struct Bitmap {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` pixels, a slice wherever they are.
    pub pixels: Box<dyn PixelMemory>,
}

impl Bitmap {
    /// Makes it that large, with whatever is in its pixels; on the heap, where there is no other memory left.
    pub fn resize(&mut self, width: usize, height: usize) {
        let count = width * height;
        if self.pixels.resize(count).is_err() {
            self.pixels = Box::new(vec![0; count]);
        }
        (self.width, self.height) = (width, height);
    }
}

impl Default for Box<dyn PixelMemory> {
    fn default() -> Self {
        Box::new(Vec::new())
    }
}

/// Memory for pixels: the heap, or what a window system can show without a copy.
pub trait PixelMemory: DerefMut<Target = [u32]> + Debug + Send {
    /// Makes it that many pixels long, with whatever is in them. After an error it is as it was.
    fn resize(&mut self, count: usize) -> io::Result<()>;

    /// Itself, to find out its kind.
    fn as_any(&self) -> &dyn Any;
}

impl PixelMemory for Vec<u32> {
    fn resize(&mut self, count: usize) -> io::Result<()> {
        resize(self, count);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The most pixels of a picture whose buffers are kept for the next: the Pi's own cameras have no more (12.3
/// million), and what is larger is so rare, or so slow, that its memory is better given back.
const KEPT_PIXELS: usize = 16 << 20;

/// Whether a picture of so many pixels leaves no buffers behind.
pub(crate) fn is_huge(pixels: usize) -> bool {
    pixels > KEPT_PIXELS
}

/// Whether a buffer with room for `capacity` should serve for `length`, or give back what a picture of more
/// than four times the size left behind.
pub(crate) fn is_too_large(capacity: usize, length: usize) -> bool {
    capacity / 4 > length
}

/// Makes `buffer` that long without clearing it first, and gives memory back where it [`is_too_large`].
pub(crate) fn resize<T: Clone + Default>(buffer: &mut Vec<T>, length: usize) {
    if is_too_large(buffer.capacity(), length) {
        *buffer = Vec::new();
    }
    buffer.resize(length, T::default());
}

#[cfg(test)]
impl PartialEq for Bitmap {
    fn eq(&self, other: &Self) -> bool {
        let size = |bitmap: &Self| (bitmap.width, bitmap.height);
        size(self) == size(other) && self.pixels[..] == other.pixels[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Deref;

    /// Memory that is soon out.
    #[derive(Debug)]
    struct Little([u32; 4], usize);

    impl PixelMemory for Little {
        fn resize(&mut self, count: usize) -> io::Result<()> {
            if count > self.0.len() {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.1 = count;
            Ok(())
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    impl Deref for Little {
        type Target = [u32];
        fn deref(&self) -> &[u32] {
            &self.0[..self.1]
        }
    }

    impl DerefMut for Little {
        fn deref_mut(&mut self) -> &mut [u32] {
            &mut self.0[..self.1]
        }
    }

    #[test]
    fn memory_that_is_out_gives_way_to_the_heap() {
        let mut bitmap = Bitmap {
            pixels: Box::new(Little([7; 4], 0)),
            ..Bitmap::default()
        };
        bitmap.resize(3, 1);
        bitmap.pixels[2] = 9;
        assert_eq!(bitmap.pixels[..], [7, 7, 9]);
        let little = bitmap.pixels.as_any().downcast_ref::<Little>();
        assert_eq!(little.unwrap().0, [7, 7, 9, 7]);
        bitmap.resize(5, 1);
        assert_eq!(bitmap.pixels.len(), 5);
        assert!(!bitmap.pixels.as_any().is::<Little>());
    }

    #[test]
    fn a_much_larger_buffer_is_given_back() {
        let mut buffer = vec![0u8; 1000];
        resize(&mut buffer, 300);
        assert_eq!((buffer.len(), buffer.capacity()), (300, 1000));
        resize(&mut buffer, 200);
        assert_eq!((buffer.len(), buffer.capacity()), (200, 200));
    }
}
