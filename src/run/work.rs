//! What is sent to each host: pure.

use std::sync::Arc;

use super::HostIx;

/// What one host is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The command of the exec request.
    pub command: Vec<u8>,
}

/// What every host is sent.
#[derive(Clone, Debug)]
pub enum Orders {
    /// The same.
    Same(Arc<Order>),
    /// To each its own, in the order of the plan.
    Each(Vec<Arc<Order>>),
}

impl Orders {
    /// The same command for all, exactly as `ssh HOST CMD` would send it.
    pub fn same(command: &str) -> Orders {
        Orders::Same(Arc::new(Order { command: command.as_bytes().to_vec() }))
    }

    /// What this host is sent.
    pub fn of(&self, host: HostIx) -> &Order {
        match self {
            Orders::Same(order) => order,
            Orders::Each(orders) => &orders[host.0],
        }
    }
}
