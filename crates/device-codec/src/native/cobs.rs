//! COBS: frames on serial lines, with a zero byte between them and none inside.

/// The longest run of bytes without a zero that one code byte can announce.
const RUN: usize = 254;

/// Appends `frame`, stuffed so that it holds no zero byte, and the delimiter.
///
/// ```
/// let mut line = Vec::new();
/// device_codec::native::cobs_encode(&[1, 0, 2], &mut line);
/// assert_eq!(line, [2, 1, 2, 2, 0]);
/// ```
pub fn cobs_encode(frame: &[u8], line: &mut Vec<u8>) {
    let mut runs = frame.split(|b| *b == 0).peekable();
    while let Some(run) = runs.next() {
        let mut rest = run;
        // A full block stands for no zero, so a run that ends with one needs no empty block behind it at the end.
        while rest.len() >= RUN {
            let (block, after) = rest.split_at(RUN);
            line.push(0xff);
            line.extend_from_slice(block);
            rest = after;
        }
        if rest.is_empty() && !run.is_empty() && runs.peek().is_none() {
            break;
        }
        line.push(rest.len() as u8 + 1);
        line.extend_from_slice(rest);
    }
    line.push(0);
}

/// Undoes [`cobs_encode`] for what stood before a delimiter; `None` where that was not stuffed so.
///
/// ```
/// assert_eq!(device_codec::native::cobs_decode(&[2, 1, 2, 2]), Some(vec![1, 0, 2]));
/// assert_eq!(device_codec::native::cobs_decode(&[5, 1]), None);
/// ```
pub fn cobs_decode(line: &[u8]) -> Option<Vec<u8>> {
    let mut frame = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((code, after)) = rest.split_first() {
        let len = usize::from(*code).checked_sub(1)?;
        let block = after.get(..len)?;
        if block.contains(&0) {
            return None;
        }
        frame.extend_from_slice(block);
        rest = after.get(len..)?;
        if len < RUN && !rest.is_empty() {
            frame.push(0);
        }
    }
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_examples() {
        let cases: [(&[u8], &[u8]); 6] = [
            (&[], &[1, 0]),
            (&[0], &[1, 1, 0]),
            (&[0, 0], &[1, 1, 1, 0]),
            (&[0x11, 0x22, 0, 0x33], &[3, 0x11, 0x22, 2, 0x33, 0]),
            (&[0x11, 0, 0, 0], &[2, 0x11, 1, 1, 1, 0]),
            (&[0x11, 0x22, 0x33, 0x44], &[5, 0x11, 0x22, 0x33, 0x44, 0]),
        ];
        for (frame, wanted) in cases {
            let mut line = Vec::new();
            cobs_encode(frame, &mut line);
            assert_eq!(line, wanted);
        }
        for len in [253, 254, 255, 508, 509] {
            let mut line = Vec::new();
            cobs_encode(&vec![7; len], &mut line);
            assert_eq!(line.len(), len + len.div_ceil(RUN) + 1, "{len}");
        }
    }

    proptest! {
        #[test]
        fn comes_back_without_zeros(frame in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..600),
            proptest::collection::vec(0u8..2, 0..600),
            proptest::collection::vec(1u8..3, 500..520),
        ]) {
            let mut line = Vec::new();
            cobs_encode(&frame, &mut line);
            prop_assert_eq!(line.pop(), Some(0));
            prop_assert!(!line.contains(&0));
            prop_assert_eq!(cobs_decode(&line), Some(frame));
        }

        #[test]
        fn any_line_ends(line in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Some(frame) = cobs_decode(&line) {
                prop_assert!(frame.len() <= line.len());
            }
        }
    }
}
