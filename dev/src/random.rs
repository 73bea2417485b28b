//! Identifiers and secrets of the local stack.

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Random bytes from the operating system.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random UUID (version 4), the form of Lambda's request ids.
pub fn uuid() -> String {
    let mut random: [u8; 16] = bytes();
    random[6] = (random[6] & 0x0f) | 0x40;
    random[8] = (random[8] & 0x3f) | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(random));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Letters and digits that follow from a seed alone.
///
/// Each character takes a byte of SHA-256; the slight preference for the first letters does no harm here.
pub fn letters_from(seed: &[u8], length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut block = ring::digest::digest(&ring::digest::SHA256, seed);
    while text.len() < length {
        let left = length - text.len();
        text.extend(
            block
                .as_ref()
                .iter()
                .take(left)
                .map(|byte| char::from(ALPHANUMERIC[usize::from(*byte) % ALPHANUMERIC.len()])),
        );
        block = ring::digest::digest(&ring::digest::SHA256, block.as_ref());
    }
    text
}
