//! memory
#[derive(Debug)]
/// x
pub struct MemoryStore;
