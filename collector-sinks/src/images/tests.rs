//! What must never get through.
