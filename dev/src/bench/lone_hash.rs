//! One Argon2id hash alone, with the cost of the functions' hashes and in a program built as they are: what a sign-in
//! cannot cost less than.

use anyhow::{Context as _, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::cpu;
use super::samples::milliseconds;

/// The row of the OWASP Password Storage sheet that the functions use.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hasher that keeps its memory between hashes, so that only hashing is measured.
pub(super) struct LoneHash {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl LoneHash {
    pub(super) fn new() -> Result<Self> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).context("the cost of the hash")?;
        let memory = vec![Block::default(); params.block_count()];
        Ok(Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), memory })
    }

    /// The processor time of one hash, in milliseconds. Occupies the thread of the caller.
    pub(super) fn measure(&mut self) -> Result<f64> {
        tokio::task::block_in_place(|| {
            let mut digest = [0; Params::DEFAULT_OUTPUT_LEN];
            let before = cpu::of_this_thread()?;
            self.argon2
                .hash_password_into_with_memory(
                    b"a calm lake",
                    b"16 bytes of salt",
                    &mut digest,
                    &mut self.memory,
                )
                .context("the hash")?;
            std::hint::black_box(digest);
            Ok(milliseconds(cpu::of_this_thread()?.saturating_sub(before)))
        })
    }
}
