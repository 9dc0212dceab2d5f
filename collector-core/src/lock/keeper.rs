//! keeper
#[derive(Debug)]
/// x
pub struct Keeper;
