//! Examples of embedding the collector; each is a program of its own: `cargo run -p collector-examples --example own_item`.

/// Waits until somebody wants the program to end: Ctrl-C, or SIGTERM as service managers send it.
pub async fn asked_to_stop() {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminated.recv() => return,
            Ok(()) = tokio::signal::ctrl_c() => return,
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can ask.
        std::future::pending::<()>().await;
    }
}
