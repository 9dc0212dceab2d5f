//! memory
#[derive(Debug)]
/// x
pub struct MemoryLock;
