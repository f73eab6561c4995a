//! WebSocket close code 1014 ("Bad Gateway"), registered in 2017: tungstenite 0.30 takes it for a protocol error, answers
//! 1002, and does not say which code the client sent. So the hub looks for the code in the bytes that it passes to
//! tungstenite.

/// The close frame that answers code 1014.
pub const BAD_GATEWAY_CLOSE: [u8; 4] = [0x88, 2, 0x03, 0xF6];

const CODE: u16 = 1014;

/// The longest close frame: opcode, length, mask, code, and 123 bytes of a reason.
const LONGEST: usize = 131;

/// Looks for a close frame with code 1014 at the end of what a client has sent: a close frame is the last frame of a client,
/// so nothing follows it. TCP may deliver it in several parts.
#[derive(Debug, Default)]
pub(super) struct CloseWatch {
    /// The bytes at the end of the last read that may begin a close frame; nearly always none.
    begun: Vec<u8>,
    found: bool,
}

impl CloseWatch {
    /// Looks at the bytes of one read.
    pub(super) fn look_at(&mut self, read: &[u8]) {
        if read.is_empty() {
            return;
        }
        let joined = (!self.begun.is_empty()).then(|| [self.begun.as_slice(), read].concat());
        let bytes = joined.as_deref().unwrap_or(read);
        let end = &bytes[bytes.len().saturating_sub(LONGEST)..];
        let parts = || memchr::memchr_iter(0x88, end).map(|start| &end[start..]);
        self.found = parts().any(is_bad_gateway);
        self.begun = parts().find(|part| is_beginning(part)).unwrap_or_default().to_vec();
    }

    /// Tells whether the last read ends with the close frame.
    pub(super) fn found(&self) -> bool {
        self.found
    }
}

/// Tells whether bytes are a whole close frame with code 1014.
fn is_bad_gateway(frame: &[u8]) -> bool {
    let [_, length, a, b, _, _, high, low, ..] = *frame else { return false };
    usize::from(length) == 0x80 + frame.len() - 6 && u16::from_be_bytes([high ^ a, low ^ b]) == CODE
}

/// Tells whether bytes are the beginning of a close frame that holds a code, and not all of it.
fn is_beginning(part: &[u8]) -> bool {
    match part.get(1) {
        Some(length) => (0x82..=0xFD).contains(length) && part.len() < usize::from(length - 0x80) + 6,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(code: u16, reason: &str) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let payload = code.to_be_bytes().into_iter().chain(reason.bytes());
        let masked = payload.enumerate().map(|(at, byte)| byte ^ mask[at % 4]);
        let length = u8::try_from(2 + reason.len()).expect("a short reason");
        [0x88, 0x80 | length].into_iter().chain(mask).chain(masked).collect()
    }

    /// Tells whether the close frame is found after several reads.
    fn is_found(reads: &[&[u8]]) -> bool {
        let mut watch = CloseWatch::default();
        reads.iter().for_each(|read| watch.look_at(read));
        watch.found()
    }

    #[test]
    fn a_close_frame_with_1014_is_found_at_the_end_of_what_was_read() {
        for reason in ["", "upstream is gone", &"x".repeat(123)] {
            assert!(is_found(&[&close(1014, reason)]), "{reason}");
            let after_others = [vec![0x81, 0x82, 1, 2, 3, 4, 5, 6], close(1014, reason)].concat();
            assert!(is_found(&[&after_others]), "{reason}");
            assert!(is_found(&[&after_others, b""]), "{reason}: the end of the stream");
            for code in [1000, 1002, 1013, 1015, 3000, 4000] {
                assert!(!is_found(&[&close(code, reason)]), "{code} {reason}");
            }
            assert!(!is_found(&[&close(1014, reason)[1..]]), "{reason}");
        }
        for short in 0..8 {
            assert!(!is_found(&[&vec![0x88; short]]), "{short} bytes");
        }
    }

    #[test]
    fn a_close_frame_with_1014_is_found_in_whatever_parts_it_arrives() {
        // The ping's mask and payload look like beginnings of close frames.
        let ping = [0x89, 0x82, 0x88, 0x88, 0x82, 0x88, 0x88, 0x82];
        for reason in ["", "upstream is gone", &"x".repeat(123)] {
            for (code, found) in [(1014, true), (1013, false)] {
                let sent = [ping.to_vec(), close(code, reason)].concat();
                for cut in 1..sent.len() {
                    let (first, second) = sent.split_at(cut);
                    assert_eq!(is_found(&[first, second]), found, "{code} {reason}, cut at {cut}");
                }
                let bytes: Vec<&[u8]> = sent.chunks(1).collect();
                assert_eq!(is_found(&bytes), found, "{code} {reason}, byte by byte");
            }
        }
    }
}
