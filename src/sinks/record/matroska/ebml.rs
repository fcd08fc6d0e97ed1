//! EBML: how Matroska writes its elements. An id, a size, a body.
//!
//! Values in, bytes out, nothing else. Own code, since no crate fits: webm-iterable brings
//! futures and copies each frame four times on its way, mkv-element's build needs Rust 1.88; and what
//! a recording needs of either are the few functions here.

/// A size of eight bytes that says "until a later element ends it".
pub(crate) const UNKNOWN_SIZE: [u8; SIZE_BYTES] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

/// Bytes of a size that can be patched: the longest form.
pub(crate) const SIZE_BYTES: usize = 8;

/// The element that readers skip.
const VOID: u32 = 0xEC;

/// A size in the long form. Larger ones than 2^56 - 2 do not exist.
pub(crate) fn long_size(size: u64) -> [u8; SIZE_BYTES] {
    debug_assert!(size < (1 << 56) - 1, "{size}");
    (size | 1 << 56).to_be_bytes()
}

/// An id, as the specification spells it: its length is in its first bits.
pub(crate) fn id(out: &mut Vec<u8>, id: u32) {
    let zeros = id.leading_zeros() as usize / 8;
    out.extend(&id.to_be_bytes()[zeros..]);
}

/// A size in the shortest form.
pub(crate) fn size(out: &mut Vec<u8>, size: u64) {
    // Of each byte seven bits count; all of them set would mean an unknown size.
    let length = (size + 1).ilog2() as usize / 7 + 1;
    let bytes = (size | 1 << (7 * length)).to_be_bytes();
    out.extend(&bytes[SIZE_BYTES - length..]);
}

/// An element with this body.
pub(crate) fn binary(name: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    id(&mut out, name);
    size(&mut out, body.len() as u64);
    out.extend(body);
    out
}

/// An unsigned integer, in as few bytes as it takes.
pub(crate) fn uint(name: u32, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let zeros = (value.leading_zeros() as usize / 8).min(bytes.len() - 1);
    binary(name, &bytes[zeros..])
}

/// An element of elements.
pub(crate) fn master(name: u32, children: &[Vec<u8>]) -> Vec<u8> {
    binary(name, &children.concat())
}

/// `length` bytes that readers skip, 2 to 128 of them: room for what is not known yet.
pub(crate) fn void(length: usize) -> Vec<u8> {
    assert!((2..=128).contains(&length), "a void of {length} bytes");
    binary(VOID, &[0; 126][..length - 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_as_few_bytes_as_they_can_and_are_never_taken_for_unknown() {
        for (value, bytes) in [
            (0, &[0x80][..]),
            (126, &[0xFE]),
            (127, &[0x40, 0x7F]),
            (16_382, &[0x7F, 0xFE]),
            (16_383, &[0x20, 0x3F, 0xFF]),
            (2_097_151, &[0x10, 0x1F, 0xFF, 0xFF]),
            (
                (1 << 49) - 1,
                &[0x01, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            ),
        ] {
            let mut out = Vec::new();
            size(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
        assert_eq!(long_size(5), [1, 0, 0, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn elements_are_as_the_specification_draws_them() {
        assert_eq!(uint(0xD7, 0), [0xD7, 0x81, 0]);
        assert_eq!(
            uint(0x2AD7B1, 100_000),
            [0x2A, 0xD7, 0xB1, 0x83, 0x01, 0x86, 0xA0]
        );
        assert_eq!(
            binary(0x4489, &1f64.to_be_bytes()),
            [0x44, 0x89, 0x88, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(
            master(0xE0, &[uint(0xB0, 640)]),
            [0xE0, 0x84, 0xB0, 0x82, 0x02, 0x80]
        );
        for length in [2, 11, 128] {
            assert_eq!(void(length).len(), length);
        }
    }
}
