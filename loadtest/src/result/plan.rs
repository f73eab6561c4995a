//! The result of a capacity plan.

use serde::{Deserialize, Serialize};

use crate::stats::plan::{Demand, Needs, UnitCosts};

/// The result of a capacity plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The unit costs.
    pub costs: UnitCosts,
    /// The source of each unit cost.
    pub sources: Vec<String>,
    /// The assumptions about the marketplace.
    pub assumptions: Vec<String>,
    /// The share of each node that is kept free.
    pub headroom: f64,
    /// Up to which load one commit counter suffices.
    #[serde(default)]
    pub counter: String,
    /// The needs for each number of users.
    pub rows: Vec<(Demand, Needs)>,
}
