//! The lock suite of the testkit, on a real server behind a proxy.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use collector_core::lock::Lock;
use collector_core::testkit::lock::LockHarness;
use collector_core::testkit::proxy::{Path, TcpProxy};
use collector_sinks::redis::RedisConfig;

use super::server;

struct OnRedis {
    config: RedisConfig,
    proxy: TcpProxy,
}

impl OnRedis {
    async fn new() -> Option<Self> {
        let (config, proxy) = server::given_behind_proxy().await?;
        Some(Self { config, proxy })
    }
}

#[async_trait]
impl LockHarness for OnRedis {
    async fn handle(&self) -> Arc<dyn Lock> {
        Arc::new(server::lock(&self.config))
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn ttl(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn outage(&self, on: bool) -> bool {
        self.proxy.set(if on { Path::Refuse } else { Path::Open });
        self.proxy.cut();
        true
    }
}

collector_core::lock_conformance!(match OnRedis::new().await {
    Some(harness) => harness,
    None => return,
});
