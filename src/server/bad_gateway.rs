//! WebSocket close code 1014 ("Bad Gateway"), registered in 2017: tungstenite 0.30 takes it for an error of the protocol, answers
//! 1002, and does not say which code the client sent. So the bytes that are read are looked at before tungstenite has them.

/// The close frame that answers code 1014.
pub const BAD_GATEWAY_CLOSE: [u8; 4] = [0x88, 2, 0x03, 0xF6];

const CODE: u16 = 1014;

/// The longest close frame: opcode, length, mask, code, and 123 bytes of a reason.
const LONGEST: usize = 131;

/// Tells whether the bytes of one read end with a close frame of a client whose code is 1014. A close frame is the last that a
/// client sends, so nothing follows it; one that arrives in two parts is not seen, and is answered as tungstenite does it.
pub(super) fn ends_with_bad_gateway(read: &[u8]) -> bool {
    let end = &read[read.len().saturating_sub(LONGEST)..];
    memchr::memchr_iter(0x88, end).any(|start| {
        let frame = &end[start..];
        let [_, length, a, b, _, _, high, low, ..] = *frame else { return false };
        usize::from(length) == 0x80 + frame.len() - 6 && u16::from_be_bytes([high ^ a, low ^ b]) == CODE
    })
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

    #[test]
    fn a_close_frame_with_1014_is_found_at_the_end_of_what_was_read() {
        for reason in ["", "upstream is gone", &"x".repeat(123)] {
            assert!(ends_with_bad_gateway(&close(1014, reason)), "{reason}");
            let after_others = [vec![0x81, 0x82, 1, 2, 3, 4, 5, 6], close(1014, reason)].concat();
            assert!(ends_with_bad_gateway(&after_others), "{reason}");
            for code in [1000, 1002, 1013, 1015, 3000, 4000] {
                assert!(!ends_with_bad_gateway(&close(code, reason)), "{code} {reason}");
            }
            assert!(!ends_with_bad_gateway(&close(1014, reason)[1..]), "{reason}");
        }
        for short in 0..8 {
            assert!(!ends_with_bad_gateway(&vec![0x88; short]), "{short} bytes");
        }
    }
}
