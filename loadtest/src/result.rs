//! The results of the commands, as JSON keeps them.

mod capacity;
mod comparison;
mod plan;
mod run;
mod server;

pub use self::capacity::{Capacity, Curve, CurvePoint, Step, peak_before_last};
pub use self::comparison::{Comparison, LoadComparison, Row};
pub use self::plan::Plan;
pub use self::run::{Figure, Generator, HEARD_ACROSS, HEARD_LOCALLY, Operation, Outcome, Second, plural};
pub use self::server::{HubMetrics, OsThreadShare, ProcessCosts, ProcessKind, ServerCosts};
